// Not needed to read the report: it sorts a table at a click on a heading, and opens all details for printing.
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
      table.querySelectorAll("th[aria-sort]").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const key = row => row.children[column].dataset.sort ?? row.children[column].textContent.trim();
      const rows = [...table.tBodies[0].rows].sort((a, b) => key(a).localeCompare(key(b), "en", { numeric: true }));
      const numbers = rows.every(row => key(row) === "" || Number.isFinite(Number(key(row))));
      if (numbers) rows.sort((a, b) => Number(key(a) || -Infinity) - Number(key(b) || -Infinity));
      if (order === "descending") rows.reverse();
      table.tBodies[0].append(...rows);
    });
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
