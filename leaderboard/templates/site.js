"use strict";
// Tables are sorted by their headings, and filtered by a word.
function numeric(text) {
  const plain = text.replaceAll(",", "").trim();
  return plain !== "" && Number.isFinite(Number(plain)) ? Number(plain) : null;
}

function compare(a, b) {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x !== null ? -1 : 1;
  return a.localeCompare(b, "en");
}

function sortBy(table, heading, column) {
  const isAscending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
  const text = (row) => row.cells[column].textContent;
  const rows = [...table.tBodies[0].rows].sort((a, b) => compare(text(a), text(b)));
  if (!isAscending) rows.reverse();
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sortBy(table, heading, column));
    heading.replaceChildren(button);
  });
}
for (const input of document.querySelectorAll("input[data-filter]")) {
  const rows = document.getElementById(input.dataset.filter).tBodies[0].rows;
  input.hidden = false;
  input.addEventListener("input", () => {
    const word = input.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(word);
  });
}
