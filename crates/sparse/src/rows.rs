//! Row numbers of a table: what a batch looks up, with whatever operations work out of it, each of it once.
//!
//! A list that is prepared before it is needed, on another thread, costs the step that uses it nothing:
//! [`Rows::ready_on`] for lookups, [`Rows::ready_for`] for propagation.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::kernels::propagation::Lookup;
use crate::kernels::tables::RowGroups;
use crate::layout::Layout;
use crate::order::Order;

/// Row numbers in any order and with repetitions; cheap to clone, read as a slice.
#[derive(Clone)]
pub struct Rows(Arc<Listed>);

struct Listed {
    numbers: Box<[u32]>,
    /// One more than the largest number; 0 of an empty list.
    end: usize,
    groups: OnceLock<RowGroups>,
    /// By the order of a layout's rows; there is hardly ever more than one.
    lookups: Mutex<Vec<(Arc<Order>, Arc<Lookup>)>>,
    /// The list of which these rows are a part, and which part.
    #[cfg_attr(not(feature = "burn"), expect(dead_code, reason = "gradients are the operations' of Burn"))]
    whole: Option<(Rows, usize)>,
    #[cfg(feature = "gpu")]
    numbers_on: crate::gpu::OnDevices<burn_cubecl::tensor::CubeTensor>,
    #[cfg(feature = "gpu")]
    groups_on: crate::gpu::OnDevices<crate::gpu::DeviceGroups>,
}

impl Rows {
    fn new(numbers: Box<[u32]>, whole: Option<(Self, usize)>) -> Self {
        let end = numbers.iter().max().map_or(0, |&largest| largest as usize + 1);
        Self(Arc::new(Listed {
            numbers,
            end,
            groups: OnceLock::new(),
            lookups: Mutex::default(),
            whole,
            #[cfg(feature = "gpu")]
            numbers_on: crate::gpu::OnDevices::default(),
            #[cfg(feature = "gpu")]
            groups_on: crate::gpu::OnDevices::default(),
        }))
    }

    /// The lists of several lookups of one table. Their gradients are summed together, by row, and what that takes can be
    /// prepared too: where all of the parts are looked up, once each and in this order, one list stands for them. Empty
    /// parts may be missing. [`Rows::ready_on`] of the first part prepares that list.
    #[must_use]
    pub fn parts(lists: impl IntoIterator<Item = Vec<u32>>) -> Vec<Self> {
        let lists: Vec<Vec<u32>> = lists.into_iter().collect();
        if lists.len() == 1 {
            return lists.into_iter().map(Self::from).collect();
        }
        let whole = Self::from(lists.concat());
        let part = |(part, list): (usize, Vec<u32>)| Self::new(list.into(), Some((whole.clone(), part)));
        lists.into_iter().enumerate().map(part).collect()
    }

    /// The list that `lists` are, one behind the other.
    #[cfg(feature = "burn")]
    pub(crate) fn together(lists: &[Self]) -> Self {
        let joined = || lists.iter().flat_map(|rows| rows.iter().copied()).collect::<Vec<u32>>().into();
        let whole = lists.first().and_then(|rows| rows.0.whole.as_ref()).map(|(whole, _)| whole);
        whole.filter(|whole| whole.is_made_of(lists)).cloned().unwrap_or_else(joined)
    }

    /// Whether some lists are all parts in order; an empty one may be missing.
    #[cfg(feature = "burn")]
    fn is_made_of(&self, lists: &[Self]) -> bool {
        let part = |rows: &Self| match &rows.0.whole {
            Some((whole, part)) => Arc::ptr_eq(&whole.0, &self.0).then_some(*part),
            None => None,
        };
        let parts: Vec<Option<usize>> = lists.iter().map(part).collect();
        parts.iter().all(Option::is_some)
            && parts.is_sorted_by(|before, after| before < after)
            && lists.iter().map(|rows| rows.len()).sum::<usize>() == self.len()
    }

    /// Which positions name which row. Worked out at the first call.
    #[must_use]
    pub fn groups(&self) -> &RowGroups {
        self.0.groups.get_or_init(|| RowGroups::new(&self.0.numbers))
    }

    /// As positions of a layout.
    pub(crate) fn lookup(&self, layout: &Layout) -> Arc<Lookup> {
        let mut lookups = self.0.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, lookup)) = lookups.iter().find(|(order, _)| Arc::ptr_eq(order, &layout.rows)) {
            return Arc::clone(lookup);
        }
        self.check(layout.num_rows());
        let lookup = Arc::new(Lookup::new(layout, self));
        lookups.push((Arc::clone(&layout.rows), Arc::clone(&lookup)));
        lookup
    }

    /// Panics if a row lies outside a table.
    pub(crate) fn check(&self, num_rows: usize) {
        if self.0.end > num_rows {
            let position = self.iter().position(|&row| row as usize >= num_rows).unwrap_or_default();
            panic!("index {position} is {}, expected one below {num_rows}", self[position]);
        }
    }

    /// The rows on a device, uploaded at the first call.
    #[cfg(feature = "gpu")]
    pub(crate) fn on(&self, device: &burn_cubecl::CubeDevice) -> Arc<burn_cubecl::tensor::CubeTensor> {
        self.0.numbers_on.get(device, || crate::gpu::list(self, device))
    }

    /// The groups on a device, uploaded at the first call.
    #[cfg(feature = "gpu")]
    pub(crate) fn groups_on(&self, device: &burn_cubecl::CubeDevice) -> Arc<crate::gpu::DeviceGroups> {
        self.0.groups_on.get(device, || crate::gpu::DeviceGroups::new(self.groups(), device))
    }

    /// The groups and their distinct rows on a device.
    #[cfg(feature = "gpu")]
    fn all_groups_on(&self, device: &burn_cubecl::CubeDevice) {
        self.groups_on(device);
        self.groups().rows().on(device);
    }
}

#[cfg(feature = "burn")]
impl Rows {
    /// The same rows with everything that lookups and their gradients need on this device.
    #[must_use]
    pub fn ready_on(self, device: &burn::tensor::Device) -> Self {
        let _ = self.groups();
        #[cfg(feature = "gpu")]
        crate::gpu::ahead(device, |device| {
            self.on(device);
            self.all_groups_on(device);
        });
        #[cfg(not(feature = "gpu"))]
        let _ = device;
        if let Some((whole, 0)) = &self.0.whole {
            // The gradients of the parts will be summed as those of the whole.
            drop(whole.clone().ready_on(device));
        }
        self
    }

    /// The same rows with everything that propagation over a graph needs on this device.
    ///
    /// # Panics
    /// If a row lies outside the graph.
    #[must_use]
    pub fn ready_for(self, adjacency: &crate::Adjacency, device: &burn::tensor::Device) -> Self {
        self.check(adjacency.num_rows());
        #[cfg(feature = "gpu")]
        if crate::gpu::ahead(device, |device| self.all_groups_on(device)) {
            return self;
        }
        #[cfg(not(feature = "gpu"))]
        let _ = device;
        self.lookup(adjacency.layout());
        self
    }
}

impl Deref for Rows {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0.numbers
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Vec<u32>> for Rows {
    fn from(numbers: Vec<u32>) -> Self {
        Self::new(numbers.into(), None)
    }
}

impl From<&Vec<u32>> for Rows {
    fn from(numbers: &Vec<u32>) -> Self {
        Self::from(&numbers[..])
    }
}

impl From<&[u32]> for Rows {
    fn from(numbers: &[u32]) -> Self {
        Self::new(numbers.into(), None)
    }
}

impl<const N: usize> From<&[u32; N]> for Rows {
    fn from(numbers: &[u32; N]) -> Self {
        Self::from(&numbers[..])
    }
}

impl From<&Self> for Rows {
    fn from(rows: &Self) -> Self {
        rows.clone()
    }
}

#[cfg(all(test, feature = "burn"))]
mod tests {
    use burn::tensor::{Device, Tensor};
    use gnnrec_graph::{Csr, Duplicates};

    use super::*;
    use crate::{Adjacency, RowGradients, gather_rows_into};

    #[test]
    fn groups_are_worked_out_once() {
        let rows = Rows::from(&[7, 3, 7, 0]);
        assert_eq!(**rows.groups().rows(), [0, 3, 7]);
        assert!(std::ptr::eq(rows.groups(), rows.clone().groups()), "a clone shares them");
        assert_eq!(rows.0.end, 8);
        rows.check(8);
        assert!(std::panic::catch_unwind(|| rows.check(7)).is_err());
        Rows::from(&[]).check(0);
    }

    /// One list for two graphs of as many nodes, whose layouts have other orders.
    #[test]
    fn a_list_serves_several_graphs() {
        let adjacency = |edges: &[(u32, u32)]| Adjacency::new(Csr::from_edges(4, 4, edges, Duplicates::Error).unwrap());
        let graphs = [adjacency(&[(0, 3), (3, 0), (1, 2), (2, 1)]), adjacency(&[(0, 1), (1, 0), (2, 3), (3, 2)])];
        let rows = Rows::from(&[3, 1, 3]);
        let (x, hop) = ([1.0, 2.0, 4.0, 8.0], crate::LayerCombination::last(1));
        let mut y = [0.0; 3];
        for (graph, expected) in graphs.iter().chain(&graphs).zip([[1.0, 4.0, 1.0], [4.0, 1.0, 4.0]].iter().cycle()) {
            crate::kernels::propagate_rows(graph, &x, 1, &hop, &rows, &mut y);
            assert_eq!(y.map(f32::to_bits), expected.map(f32::to_bits));
        }
        assert_eq!(rows.0.lookups.lock().unwrap().len(), 2);
    }

    /// What lookups of `lists` leave: the list that was summed, its distinct rows, their gradients.
    fn taken(lists: &[&Rows]) -> (Rows, Vec<f32>) {
        let device = Device::flex().autodiff();
        let (sink, x) = (RowGradients::default(), Tensor::<2>::ones([6, 1], &device).require_grad());
        let looked_up = lists.iter().map(|rows| gather_rows_into(x.clone(), *rows, &sink));
        let _gradients = Tensor::cat(looked_up.collect(), 0).sum().backward();
        let (rows, sums) = sink.take().expect("lookups leave gradients");
        (rows, sums.into_data().try_to_vec().expect("gradients are 32-bit floats"))
    }

    #[test]
    fn parts_are_summed_as_the_whole_that_was_prepared() {
        let parts = Rows::parts([vec![5, 2], vec![], vec![2, 0, 2]]);
        let parts: Vec<Rows> = parts.into_iter().map(|rows| rows.ready_on(&Device::flex())).collect();
        let whole = parts[0].0.whole.as_ref().unwrap().0.clone();
        assert_eq!(*whole, [5, 2, 2, 0, 2]);
        for lists in [vec![&parts[0], &parts[1], &parts[2]], vec![&parts[0], &parts[2]]] {
            let (rows, sums) = taken(&lists);
            assert!(Arc::ptr_eq(&rows.0, &whole.groups().rows().0), "nothing was sorted in the step");
            assert_eq!((&*rows, &sums[..]), (&[0, 2, 5][..], &[1.0, 3.0, 1.0][..]));
        }

        // In another order, or with others, they are no whole: their lists are joined.
        for (lists, expected) in [
            (vec![&parts[2], &parts[1], &parts[0]], [1.0, 3.0, 1.0]),
            (vec![&parts[0], &Rows::from(&[2, 0, 2])], [1.0, 3.0, 1.0]),
            (vec![&parts[0], &parts[1], &parts[2], &parts[0]], [1.0, 4.0, 2.0]),
        ] {
            let (rows, sums) = taken(&lists);
            assert!(!Arc::ptr_eq(&rows.0, &whole.groups().rows().0));
            assert_eq!((&*rows, &sums[..]), (&[0, 2, 5][..], &expected[..]));
        }
    }
}
