// Of results from disk, browsers let no page read the text: show their titles alone.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// A fold is called by what is in it.
addEventListener("DOMContentLoaded", () => {
  for (const title of document.querySelectorAll("summary[aria-label]"))
    title.setAttribute("aria-label", title.querySelector("p").textContent);
  // What scrolls can be reached by keyboard.
  for (const image of document.querySelectorAll("img.texts"))
    (image.closest("figure") ?? image.closest(".cell_output")).tabIndex = 0;
});
