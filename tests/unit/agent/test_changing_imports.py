"""Which modules change others while they are imported."""

from pathlib import Path

import pytest

from accio_agent.worker.restoring.import_effects import changes_others

CHANGING = {
    "call for its effect": "import jax\njax.config.update('jax_enable_x64', True)\n",
    "attribute": "from PIL import Image\nImage.MAX_IMAGE_PIXELS = 5\n",
    "entry": "from tables import TABLE\nTABLE['a'] = 5\n",
    "several": "import one, two\none.a, two.b = 1, 2\n",
    "more": "import sys\nsys.path += ['x']\n",
    "taken away": "import one\ndel one.a\n",
    "registration": "import pandas as pd\n@pd.api.register_accessor('geo')\nclass Geo:\n    pass\n",
    "within a condition": "try:\n    import one\n    one.patch()\nexcept ImportError:\n    pass\n",
    "own function": "def set_up():\n    ...\nset_up()\n",
    "unreadable": "def\n",
}
PLAIN = {
    "constants and functions": "import numpy as np\nGRID = np.arange(3)\ndef patch():\n    np.pi = 3\n",
    "own table": "TABLE = {}\nTABLE['a'] = 5\nTABLE.update(b=1)\n",
    "own class": "class Box:\n    pass\nBox.size = 1\n",
    "environment": "import os\nos.environ['OMP_NUM_THREADS'] = '1'\nos.makedirs('x', exist_ok=True)\n",
    "log": "import logging\nlog = logging.getLogger(__name__)\nlogging.basicConfig(level=1)\nlog.info('here')\n",
    "seed": "import numpy as np\nnp.random.seed(0)\n",
    "program": "def main():\n    ...\nif __name__ == '__main__':\n    main()\n",
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [*((code, True) for code in CHANGING.values()), *((code, False) for code in PLAIN.values())],
    ids=[*CHANGING, *PLAIN],
)
def test_what_changes_others(tmp_path: Path, code: str, expected: bool) -> None:
    """What is called for its effect, or written into something imported, does; what keeps to its module doesn't."""
    path = tmp_path / "module.py"
    path.write_text(code)
    assert changes_others(str(path)) is expected
