// Gives RapiDoc the colours of our pages, in the reader's theme and whenever that changes.

const NAMES = {
  "bg-color": "--paper",
  "text-color": "--ink",
  "primary-color": "--green",
  "nav-bg-color": "--sheet",
  "nav-text-color": "--quiet",
  "nav-hover-bg-color": "--green-wash",
  "nav-hover-text-color": "--ink",
  "nav-accent-color": "--green",
};
const dark = matchMedia("(prefers-color-scheme: dark)");

function dress() {
  const shown = document.querySelector("rapi-doc");
  const colours = getComputedStyle(document.documentElement);
  shown.setAttribute("theme", dark.matches ? "dark" : "light");
  for (const [name, variable] of Object.entries(NAMES)) {
    shown.setAttribute(name, colours.getPropertyValue(variable).trim());
  }
}

dark.addEventListener("change", dress);
dress();
