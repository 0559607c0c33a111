"""Weights of linear layers in 8 or 4 bits by torchao, in an exported torch program. Imports torch and torchao.

8 bits, one scale per output channel, run wherever torch does. 4 bits, one scale and zero point per group, are packed for
kernels that exist for CUDA alone, and computed with in bfloat16.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from harness.compress import facts, torch_program
from harness.compress.export_parameters import TOLERANCE
from harness.compress.network import Network
from harness.compress.parameters import QuantizeParameters
from harness.compress.torch_layers import layers, left_alone, refuse_not_finite
from harness.errors import MissingDependencyError, ModelError
from harness.ports.compress import Layer, StepReport

_CAPABLE = (8, 0)
_ROUNDING = 0.02
"""Largest difference between the program and the network it was made of, as a share of the largest answer, in bfloat16."""

_NO_GAIN = "computed in floats after decoding: on processors torch runs such a program slower than the original as a rule"


def quantize(network: Network, target: Path, parameters: QuantizeParameters) -> StepReport:
    """Write the network as a program with few-bit weights; `ModelError` where 4 bits cannot run, or nothing was quantized."""
    refuse_not_finite(network.module, "quantize")
    chosen = layers(network.module, (torch.nn.Linear,), parameters.exclude)
    device = _device(network, parameters.width)
    if parameters.width == 4:
        made = torch_program.narrowed(network, torch.bfloat16, device)
    else:
        made = Network(copy.deepcopy(network.module), network.source, network.rows, network.root)
    done = [_quantized(name, layer, made, parameters) for name, layer in chosen.items()]
    if not any(layer.done for layer in done):
        reasons = "; ".join(f"{layer.name}: {layer.reason}" for layer in done[:5]) or "it has no linear layer that is not excluded"
        raise ModelError(f"quantize (engine torchao): nothing was quantized, the result would be the original itself ({reasons})")
    _utils().unwrap_tensor_subclass(made.module)
    tolerance = _ROUNDING if parameters.width == 4 else TOLERANCE
    notes = torch_program.write(made, target, tolerance)
    rest = left_alone(network.module, [layer.name for layer in done], "not a linear layer, or excluded")
    return StepReport((*done, *rest), (*notes, *((_NO_GAIN,) if device is None else ())))


def _device(network: Network, bits: int) -> torch.device | None:
    """The GPU for 4 bits; None for 8, which are made on the processor."""
    if bits != 4:
        return None
    needed = "quantize (engine torchao): 4 bits are packed for kernels of CUDA"
    instead = "use engine: onnx or matmul_nbits, or bits: 8"
    its = str(getattr(network.source.parameters, "device", "cpu"))
    if not torch.cuda.is_available():
        raise ModelError(f"{needed}, and torch {torch.__version__} finds no such GPU here; {instead}")
    if not its.startswith("cuda") and its != "auto":
        raise ModelError(f"{needed}, and {network.source.name} runs on {its}; write device: cuda in the original, or {instead}")
    device = torch.device("cuda" if its == "auto" else its)
    capability = torch.cuda.get_device_capability(device)
    if capability < _CAPABLE:
        raise ModelError(f"{needed} from compute capability 8.0 on, and {device} has {'.'.join(map(str, capability))}; {instead}")
    return device


def _quantized(name: str, layer: torch.nn.Module, made: Network, parameters: QuantizeParameters) -> Layer:
    weight = layer.get_parameter("weight")
    shape = tuple(weight.shape)
    users = [
        other for other, each in made.module.named_modules() if getattr(each, "weight", None) is made.module.get_submodule(name).weight
    ]
    if len(users) > 1:
        return Layer(f"{name}.weight", shape, reason=f"its weight also serves {', '.join(other for other in users if other != name)}")
    if parameters.width == 4 and (shape[1] % parameters.block or shape[0] % 8):
        return Layer(
            f"{name}.weight", shape, reason=f"its inputs are no multiple of the block of {parameters.block}, or its outputs none of 8"
        )
    _apply(made.module, name, parameters)
    stored: Any = made.module.get_submodule(name).weight
    before = weight.detach().float().numpy()
    after = stored.dequantize().detach().float().cpu().numpy()
    how = "one scale per channel" if parameters.width == 8 else f"one scale and zero point per {parameters.block} inputs"
    return Layer(f"{name}.weight", shape, done=f"{parameters.width} bits, {how}", facts=facts.found(before, after, parameters.width))


def _apply(module: torch.nn.Module, name: str, parameters: QuantizeParameters) -> None:
    library = _library()
    if parameters.width == 8:
        config = library.Int8WeightOnlyConfig(set_inductor_config=False)
    else:
        config = library.Int4WeightOnlyConfig(
            group_size=parameters.block, int4_packing_format="tile_packed_to_4d", set_inductor_config=False
        )
    library.quantize_(module, config, filter_fn=lambda _, path: path == name)


def _library() -> Any:
    try:
        from torchao import quantization  # noqa: PLC0415  # only this engine needs it
    except ImportError as error:
        raise MissingDependencyError("torchao", "torch", "quantize with engine torchao") from error
    return quantization


def _utils() -> Any:
    from torchao import utils  # noqa: PLC0415  # see `_library`

    return utils
