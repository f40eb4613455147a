"use strict";
/* Sorting and CSV; without it the tables stand as they are. Data reaches the page as text alone: nothing here writes HTML. */
(() => {
  const words = document.body.dataset;
  const PLAIN = /^[+\-]?\d+(\.\d+)?(e[+\-]?\d+)?$/i;
  const textOf = (cell) => {
    const copy = cell.cloneNode(true);
    for (const extra of copy.querySelectorAll("svg, sup, .interval, .mark, .unseen, [popover]")) extra.remove();
    return copy.textContent.replace(/\s+/g, " ").trim();
  };
  const plain = (text) => {
    const number = text.replace(/\u2212/g, "-").replace(/(\d),(?=\d{3}(\D|$))/g, "$1");
    return PLAIN.test(number) ? String(Number(number)) : null;
  };
  const numbersOf = (cell) => cell.dataset.n?.split(" ") ?? [];
  const valueOf = (cell) => numbersOf(cell)[0] ?? plain(textOf(cell)) ?? textOf(cell);
  const rankOf = (cell) => {
    const text = valueOf(cell);
    return text === "" || text === "\u2013" ? null : parseFloat(text.replace(/^[<+]/, "").replace(/\u2212/g, "-").replace(/,/g, ""));
  };
  /* A cell that starts like a formula is a formula to a spreadsheet: an apostrophe keeps it a text. */
  const csvOf = (text) => {
    const safe = plain(text) === null && /^[\s\u0000-\u001f]*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? "'" + text : text;
    return '"' + safe.replace(/"/g, '""') + '"';
  };
  const headOf = (table) => [...(table.tHead?.rows[0]?.cells ?? [])];
  const rowsOf = (table) => [...table.tBodies[0].rows];
  const csv = (table) => {
    const rows = rowsOf(table), lines = [];
    const columns = headOf(table).length ? headOf(table) : [...(rows[0]?.cells ?? [])].map(() => null);
    const wide = columns.map((_, i) => rows.some((row) => numbersOf(row.cells[i] ?? row).length === 3));
    if (headOf(table).length) lines.push(columns.flatMap((head, i) => {
      const name = textOf(head);
      return wide[i] ? [name, name + " " + words.low, name + " " + words.high] : [name];
    }));
    for (const row of rows) lines.push([...row.cells].flatMap((cell, i) =>
      wide[i] ? [valueOf(cell), numbersOf(cell)[1] ?? "", numbersOf(cell)[2] ?? ""] : [valueOf(cell)]));
    return lines.map((line) => line.map(csvOf).join(",")).join("\r\n") + "\r\n";
  };
  const nameOf = (table) => (table.caption?.textContent ?? "recsat").trim().replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 80);
  const save = (table) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + csv(table)], { type: "text/csv;charset=utf-8" }));
    link.download = nameOf(table) + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const sort = (table, at) => {
    const head = headOf(table), rows = rowsOf(table);
    const ranks = rows.map((row) => rankOf(row.cells[at]));
    const isNumber = ranks.some((rank) => rank !== null && !Number.isNaN(rank)) && ranks.every((rank) => rank === null || !Number.isNaN(rank));
    const before = head[at].getAttribute("aria-sort");
    const isDown = before === null ? isNumber : before === "ascending";
    const ordered = rows.map((row, i) => ({ row, key: isNumber ? ranks[i] : valueOf(row.cells[at]) })).sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      const order = isNumber ? a.key - b.key : a.key.localeCompare(b.key, document.documentElement.lang);
      return isDown ? -order : order;
    });
    table.tBodies[0].append(...ordered.map((one) => one.row));
    for (const cell of head) cell.removeAttribute("aria-sort");
    head[at].setAttribute("aria-sort", isDown ? "descending" : "ascending");
  };
  for (const table of document.querySelectorAll("table")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "csv";
    button.textContent = words.csv;
    button.setAttribute("aria-label", words.csv + ": " + (table.caption?.textContent ?? "").trim());
    button.addEventListener("click", () => save(table));
    (table.closest(".scroll") ?? table).after(button);
    headOf(table).forEach((cell, at) => {
      if (cell.querySelector("button") || textOf(cell) === "") return;
      const sorter = document.createElement("button");
      sorter.type = "button";
      sorter.className = "sorter";
      sorter.title = words.sort;
      sorter.append(...cell.childNodes);
      sorter.addEventListener("click", () => sort(table, at));
      cell.append(sorter);
    });
  }
  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();
})();
