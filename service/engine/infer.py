"""Any signature of a model, tensors in and tensors out."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import cast

from service import runtimes
from service.batching import tensors
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.errors import InputTooLarge, InvalidInput
from service.repository.lease import Lease
from service.repository.model import Model
from service.runtimes import Tensors


async def infer(
    engine: Engine,
    lease: Lease,
    inputs: Tensors,
    *,
    signature: str | None = None,
    outputs: Collection[str] | None = None,
    priority: int = 0,
    timeout_s: float | None = None,
) -> Tensors:
    """Run a signature of a leased model on raw tensors; left out, its first.

    Of the outputs those named in `outputs` come back, in their order; left out, all. Requests of
    priority 1 go before those of 2, and so on; those of 0 go last.

    Raises:
        ServiceError: one of `service.errors`; `param` names the tensor at fault.
    """
    name = lease.signature(signature)
    spec = lease.manifest.signatures[name]
    wanted = list(spec.outputs) if outputs is None else list(outputs)
    unknown = [each for each in wanted if each not in spec.outputs]
    if unknown:
        raise InvalidInput(
            f"there is no output '{unknown[0][:100]}'; the signature '{name}' has: "
            f"{', '.join(spec.outputs)}",
            param="outputs",
        )
    runtimes.check(inputs, spec.inputs, shapes=spec.checks_shapes)
    most = engine.settings.max_queue
    run = _run_whole if spec.task == "infer" else partial(_run_rows, max_rows=most)
    answer = await engine.in_time(run(lease.model, name, inputs, priority), timeout_s)
    if lease.shadowed is not None:
        engine.shadow.infer(lease, name, inputs, answer, run)
    return {each: answer[each] for each in wanted}


async def _run_rows(
    model: Model, signature: str, inputs: Tensors, priority: int, max_rows: int
) -> Tensors:
    """Each image or text is a row of its own, which shares its batch with those of others."""
    manifest = model.ready_manifest()
    rows = tensors.split(inputs, manifest.text)
    if len(rows) > max_rows:
        raise InputTooLarge(
            f"the request has {len(rows)} rows; at most MAX_QUEUE={max_rows} are taken: send them "
            "in parts"
        )
    answers = await model.run(signature, rows, priority)
    sent = Inputs((), next(iter(inputs)))
    return tensors.join(
        list(sent.checked(range(len(rows)), answers)), manifest.signatures[signature]
    )


async def _run_whole(model: Model, signature: str, inputs: Tensors, priority: int) -> Tensors:
    [answer] = await model.run(signature, [inputs], priority)
    if isinstance(answer, Exception):
        raise answer
    return cast(Tensors, answer)
