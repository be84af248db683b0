"use strict";
// Without this script the page says the same; with it, tables sort and a curve can be singled out.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.setAttribute("role", "button");
    head.tabIndex = 0;
    const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const sort = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        const order = x - y;
        return (Number.isNaN(order) ? x.localeCompare(y, "en", { numeric: true }) : order) * (down ? -1 : 1);
      });
      body.append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
for (const svg of document.querySelectorAll("figure svg")) {
  const groups = [...svg.querySelectorAll("g[data-series]")];
  for (const group of groups) {
    group.addEventListener("click", () => {
      const again = svg.dataset.one === group.dataset.series;
      svg.dataset.one = again ? "" : group.dataset.series;
      svg.classList.toggle("one", !again);
      for (const other of groups) other.classList.toggle("on", other.dataset.series === group.dataset.series);
    });
  }
}
