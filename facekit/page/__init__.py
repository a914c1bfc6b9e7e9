"""The Gradio page. `app` builds it; every tab has a module of its own."""
