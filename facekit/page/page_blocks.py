"""The page as an application of gradio, with two additions: every failure is one sentence, and files have owners."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr
from gradio.exceptions import InvalidPathError
from typing_extensions import override

from . import session_files, sessions

log = logging.getLogger("facekit")
FOREIGN_PATH = "expected an uploaded file, got a path that no upload has; upload the file first"


class PageBlocks(gr.Blocks):
    """Blocks whose visitors always get a sentence, never a bare "Error", and whose files are deleted with them."""

    @override
    async def process_api(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        """Run a function for a visitor.

        Args:
            block_fn: The function, or its index.
            inputs: Data from the browser.
            *arguments: As in gradio.
            **options: As in gradio.

        Returns:
            As in gradio.

        Raises:
            gr.Error: If the function fails.
        """
        session = options.get("session_hash")
        session_files.note_files(session, inputs)
        try:
            answer = await super().process_api(block_fn, inputs, *arguments, **options)
        except gr.Error:
            raise
        except InvalidPathError as error:
            raise gr.Error(FOREIGN_PATH, print_exception=False) from error
        except Exception as error:
            log.exception("a function of the page failed")
            raise gr.Error(
                f"expected input from the fields of this page, got input that cannot be processed "
                f"({type(error).__name__}); reload the page and try again",
                print_exception=False,
            ) from error
        finally:
            self._delete_files_of_gone(session)
        session_files.note_files(session, answer["data"])
        self._delete_files_of_gone(session)
        return answer

    def leave(self, session: str | None) -> None:
        """Stop the trainings of a visitor who has left; delete the session's files, models and labels.

        Args:
            session: The visitor's session.
        """
        sessions.close_session(session)
        if session is not None:
            self.state_holder.session_data.pop(session, None)
            self.state_holder.time_last_used.pop(session, None)
        session_files.delete_files(session)

    def _delete_files_of_gone(self, session: str | None) -> None:
        """Delete what a function wrote after its visitor had left."""
        if session is not None and session not in self.state_holder.session_data:
            self.leave(session)
