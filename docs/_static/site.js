// The keyboard scrolls a wide table or a long line of code only if it can have the focus.
function letTheKeyboardScroll() {
  for (const box of document.querySelectorAll("pre, .table-wrapper")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
addEventListener("DOMContentLoaded", letTheKeyboardScroll);
addEventListener("resize", letTheKeyboardScroll);
