"""A torch network on its way through a pipeline: the module, and how its structure came to differ from its factory's.

The difference is a list of edits that are plain values, so that a network is kept without pickling: safetensors for the
weights, JSON for the edits, and the factory of the suite's own tree for the rest. Imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from harness.compress.edits import Edit, carry_out
from harness.compress.torch_call import at_least_two, by_name, one_answer, tensor_of
from harness.core.models import ModelSpec
from harness.errors import ModelError
from harness.ports.compress import Batch

WEIGHTS = "network.safetensors"
STRUCTURE = "structure.json"


class Network:
    """`module` is changed in place; whoever changes its structure does so by `edit`.

    source:   the model it came from: how inputs are made and which answer is judged
    rows:     batches of real inputs, for whoever has to trace the module or to prove something on it
    """

    def __init__(self, module: torch.nn.Module, source: ModelSpec, rows: Sequence[Batch], root: Path) -> None:
        self.module = module
        self.source = source
        self.rows = [batch for batch in rows if batch and len(next(iter(batch.values())))]
        if not self.rows:
            raise ModelError(f"{source.name}: the data gave no rows to look at the network with")
        self.root = root
        self._edits: list[Edit] = []

    def edit(self, edit: Edit) -> None:
        """Change the structure, and remember how."""
        self.module = carry_out(edit, self.module, self.positional(self.example), self.root)
        self._edits.append(edit)

    def remember(self, edit: Edit) -> None:
        """Remember an edit that was already carried out on the module."""
        self._edits.append(edit)

    def begun(self, counts: Mapping[str, int], stage: int, stages: int) -> Mapping[str, int]:
        """What there was when the schedule began whose `stage` this is; `counts` is what there is now. Kept with the edits."""
        if stage == 1:
            if stages > 1:
                self.remember({"edit": "begin", "counts": dict(counts)})
            return counts
        found: Mapping[str, int] | None = next((edit["counts"] for edit in reversed(self._edits) if edit["edit"] == "begin"), None)
        if found is None:
            raise ModelError(f"stage {stage} of {stages} does not know what the first began with; remove its folder and run again")
        return found

    @property
    def example(self) -> Batch:
        """The largest batch of real inputs, two rows or more."""
        return at_least_two(max(self.rows, key=lambda batch: sum(array.size for array in batch.values())))

    @property
    def edits(self) -> Sequence[Edit]:
        """Every edit so far."""
        return tuple(self._edits)

    def tensors(self, batch: Batch) -> dict[str, torch.Tensor]:
        """The batch as tensors by name."""
        return {name: tensor_of(self.module, array) for name, array in batch.items()}

    def answer(self, batch: Batch) -> torch.Tensor:
        """The judged answer to one batch, with gradients where they are on."""
        tensors = self.tensors(batch)
        names = by_name(self.module, tuple(batch))
        returned = self.module(**{name: tensors[name] for name in names}) if names else self.module(*tensors.values())
        return one_answer(returned, self.answer_name)

    @property
    def answer_name(self) -> str | None:
        """Name of the output that is judged, when the suite gives one."""
        return self.source.output.name if self.source.output else None

    def answers(self, batch: Batch) -> Batch:
        """The judged answer as an array by name, in evaluation mode."""
        self.module.eval()
        with torch.inference_mode():
            return {self.answer_name or "output": self.answer(batch).float().cpu().numpy()}

    def positional(self, batch: Batch) -> Mapping[str, torch.Tensor] | tuple[torch.Tensor, ...]:
        """What to call the module with: by name where `forward` takes the names, else in order."""
        tensors = self.tensors(batch)
        return tensors if by_name(self.module, tuple(batch)) else tuple(tensors.values())

    def weights(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """Floating-point parameters by name, a tied one once."""
        return ((name, value) for name, value in self.module.named_parameters() if value.is_floating_point())

    def save(self, folder: Path) -> None:
        """Write weights and edits into `folder`."""
        state = {name: value.detach().cpu().contiguous().clone() for name, value in self.module.state_dict().items()}
        save_file(state, folder / WEIGHTS)
        (folder / STRUCTURE).write_text(json.dumps({"edits": list(self._edits)}, sort_keys=True), encoding="utf-8")

    def load(self, folder: Path, factories: Collection[str] = ()) -> None:
        """Become what `save` wrote there; this network must be as its factory made it.

        Of functions that the structure names only `factories` are called: a folder that others may write to is no reason to
        run whatever it says.
        """
        try:
            edits = json.loads((folder / STRUCTURE).read_text(encoding="utf-8"))["edits"]
            for edit in edits:
                if edit["edit"] == "factory" and edit["reference"] not in factories:
                    raise ModelError(f"{folder} names the factory {edit['reference']!r}, which the suite does not; remove the folder")
                self.edit(edit)
            self.module.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"{folder} does not hold a network of {self.source.name}: {error}; remove the folder and run again") from error
        self.module.eval()
