// Before anything is painted: the colours that were chosen last time. The system's otherwise.
(() => {
  let kept = null;
  try { kept = localStorage.getItem("passel:theme"); } catch { /* storage may be forbidden */ }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
