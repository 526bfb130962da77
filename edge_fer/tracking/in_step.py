"""An executor that executes at once: what a live source gets done in another thread, a file gets done in step."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

P = ParamSpec("P")
T = TypeVar("T")


class InStep(Executor):
    """Executes each function in the thread that submits it, so that results do not depend on the machine's speed."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Execute *fn* and return its result in a future that is done. What *fn* raises is raised by the future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as exc:  # noqa: BLE001  (whoever asks for the result gets it)
            future.set_exception(exc)
        return future


def lasting(executor: Executor, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return grey *gray* for what *executor* executes: a copy, unless it executes at once.

    Until another thread looks at a frame, the source may have filled its array with the next one.
    """
    return gray if isinstance(executor, InStep) else gray.copy()
