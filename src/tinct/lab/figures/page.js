"use strict";

// Sliders. The strip under each holds the pictures; a slider shows two of them.
for (const picture of document.querySelectorAll(".picture")) {
  const slider = picture.querySelector(".slider");
  const stage = slider.querySelector(".stage");
  const range = stage.querySelector("input");
  const strip = [...picture.querySelectorAll(".strip img")];
  const sides = ["left", "right"].map((name) => ({
    choice: slider.querySelector(`select.${name}`),
    image: stage.querySelector(name === "left" ? ".over" : ".under"),
    tag: stage.querySelector(`.tag.${name}`),
  }));
  const nameOf = (side) => side.choice.selectedOptions[0].textContent;

  const move = () => {
    const share = Number(range.value);
    stage.style.setProperty("--at", `${share}%`);
    const [left, right] = sides.map(nameOf);
    range.setAttribute("aria-valuetext", `${Math.round(share)} % ${left}, the rest ${right}`);
  };
  const choose = () => {
    for (const side of sides) {
      const shown = strip[side.choice.value];
      side.image.src = shown.src;
      side.image.alt = shown.alt;
      side.tag.textContent = nameOf(side);
    }
    move();
  };
  // Phones move a range only by its thumb; here the whole picture follows the finger.
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    range.value = (100 * (event.clientX - box.left)) / box.width;
    move();
  };
  range.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    range.setPointerCapture(event.pointerId);
    follow(event);
  });
  range.addEventListener("pointermove", (event) => {
    if (range.hasPointerCapture(event.pointerId)) follow(event);
  });
  range.addEventListener("input", move);
  for (const side of sides) side.choice.addEventListener("change", choose);
  slider.hidden = false;
  choose();
}

// One choice for all pictures. Those without a truth keep what they have when it is asked for.
for (const everywhere of document.querySelectorAll(".everywhere")) {
  everywhere.hidden = false;
  everywhere.addEventListener("change", ({ target }) => {
    for (const choice of document.querySelectorAll(`.slider select.${target.className}`)) {
      if (![...choice.options].some((option) => option.value === target.value)) continue;
      choice.value = target.value;
      choice.dispatchEvent(new Event("change"));
    }
  });
}

// Tables: a click on a head sorts, best first; a second one turns the order round.
for (const head of document.querySelectorAll("th button")) {
  head.addEventListener("click", () => {
    const cell = head.closest("th");
    const body = cell.closest("table").tBodies[0];
    const first = cell.dataset.first;
    const second = first === "ascending" ? "descending" : "ascending";
    const order = cell.getAttribute("aria-sort") === first ? second : first;
    for (const other of cell.parentElement.cells) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => row.cells[cell.cellIndex].dataset.value;
    const compare = (a, b) =>
      "text" in cell.dataset ? key(a).localeCompare(key(b)) : Number(key(a)) - Number(key(b));
    body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
  });
}
