"""Colours and layout of the page, with the contrast and the names that WCAG 2 asks for."""

from __future__ import annotations

import gradio as gr

# Gradio's indigo, one shade darker from 500 on: its texts are too pale on their backgrounds.
_INDIGO = gr.themes.Color(
    name="dark-indigo",
    c50="#eef2ff",
    c100="#e0e7ff",
    c200="#c7d2fe",
    c300="#a5b4fc",
    c400="#818cf8",
    c500="#4f46e5",
    c600="#4338ca",
    c700="#3730a3",
    c800="#312e81",
    c900="#2a2766",
    c950="#1e1b4b",
)

CSS = """
.gradio-container {width: 100% !important; max-width: 1180px !important; margin: 0 auto !important}
#title h1 {font-size: 2.3rem; letter-spacing: -.03em; margin-bottom: 0}
#title p {font-size: 1.08rem; margin-top: .2rem}
.step h2 {font-size: 1.1rem; margin-bottom: 0}
.progress {min-height: 5rem}
.progress [data-testid=markdown-wrapper].pending {visibility: hidden}
.progress [data-testid=status-tracker] {gap: .2rem}
.progress .progress-text {position: static !important; transform: none !important; padding: 0 !important}
.progress .progress-level {width: 100% !important; flex-grow: 0 !important}
[data-testid=status-tracker]:has(> .error) {display: none !important}
.label-wrap {gap: .6rem; text-align: left}
.aside p {font-size: .92rem; color: var(--body-text-color-subdued)}
.scores table {font-size: .9rem; margin: 0}
.scores :is(th, td) {padding: .25rem .45rem; overflow-wrap: normal; word-break: normal}
@media (max-width: 500px) {.scores table {font-size: .8rem} .scores :is(th, td) {padding: .2rem .3rem}}
.plot .image-container, .plot .image-frame {padding-top: 2.2rem}
.level {align-items: center}
.upload-container {padding-top: 2rem}
.samples, .samples .grid-wrap {height: auto !important; min-height: 0 !important; max-height: none !important}
.gradio-container :is(a, button, input:not([type=radio], [type=checkbox]), textarea, [tabindex]):focus-visible,
.gradio-container label:has(> input:is([type=radio], [type=checkbox]):focus-visible) {
  outline: 3px solid #d97706 !important; outline-offset: -2px !important}
.samples .grid-container {grid-template-columns: repeat(auto-fill, minmax(72px, 1fr)) !important}
"""

# Screen readers get the names that gradio leaves out: those of empty images, of links and buttons that hold only an
# image, and of example images.
HEAD = """
<script>
(() => {
  const each = (selector, work) => document.querySelectorAll(selector).forEach(work);
  const name = () => {
    each(".empty[aria-label]:not([role])", (empty) => empty.setAttribute("role", "img"));
    each("button.gallery-item:not([aria-label])", (one, i) => one.setAttribute("aria-label", `Example image ${i + 1}`));
    each("td[role=gridcell] img[alt='']", (image, i) => { image.alt = `Example image ${i + 1}`; });
    each("button:not([aria-label]):has(> .image-frame)", (button) => button.setAttribute("aria-label", "Image"));
    each("a.download-link:not([aria-label])", (link) => link.setAttribute("aria-label", "Download the image"));
  };
  new MutationObserver(name).observe(document.documentElement, { childList: true, subtree: true });
})();
</script>
"""


def page_theme() -> gr.themes.Base:
    """Return the theme of the page. Every text has a contrast of at least 4.5 to its background, boxes to tick 3."""
    theme = gr.themes.Soft(primary_hue=_INDIGO, font=["system-ui", "sans-serif"], font_mono=["monospace"])
    subdued = {"body_text_color_subdued": "*neutral_600", "body_text_color_subdued_dark": "*neutral_300"}
    info = {"block_info_text_color": "*neutral_600", "block_info_text_color_dark": "*neutral_300"}
    boxes = {"checkbox_border_color": "*neutral_500", "checkbox_border_color_dark": "*neutral_400"}
    return theme.set(**subdued, **info, **boxes)
