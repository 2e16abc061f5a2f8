"""KServe's client asks a running server: python -m tests.kserve_client http://127.0.0.1:8000

A process of its own: its gRPC messages have the names of Triton's, and one process takes one.
"""

from __future__ import annotations

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

X = np.arange(16, dtype=np.int32).reshape(1, 16)


async def ask(url: str) -> None:
    """Ask for health, and for sums and differences, with binary tensors and in JSON."""
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        assert await client.is_server_live(url)
        assert await client.is_server_ready(url)
        assert await client.is_model_ready(url, "simple")
        assert not await client.is_model_ready(url, "complicated")
        for binary in (True, False):
            reply = await client.infer(url, _request(binary), model_name="simple")
            assert (reply.model_name, reply.id) == ("simple", "1")
            sums, differences = (output.as_numpy() for output in reply.outputs)
            np.testing.assert_array_equal(sums, X + 1)
            np.testing.assert_array_equal(differences, X - 1)
        try:
            await client.infer(url, _request(False), model_name="complicated")
        except httpx.HTTPStatusError as error:
            assert "there is no model 'complicated'" in str(error), error
        else:
            raise AssertionError("a model that is not there answered")


def _request(binary: bool) -> InferRequest:
    inputs = [InferInput(f"INPUT{index}", [1, 16], "INT32") for index in (0, 1)]
    for given, array in zip(inputs, (X, np.ones_like(X)), strict=True):
        given.set_data_from_numpy(array, binary_data=binary)
    parameters = {"binary_data_output": binary}
    return InferRequest("simple", inputs, request_id="1", parameters=parameters)


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1]))
    print("answered")
