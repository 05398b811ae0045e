"""The account of a configuration as a table: each key with what it becomes, or why not."""

import yaml

from workbench.compress.choices import CompressMethod
from workbench.compress.read import read_config
from workbench.lessons.distillation import account_table

CONFIG = {
    "Global": {
        "model_dir": "./model", "format": "paddle", "qat_image_path": "./images", "input_list": ["image"],
        "qat_preprocess": "cls_image_preprocess", "qat_batch_size": 2,
    },
    "TrainConfig": {"train_iter": 2, "lerning_rate": 0.1},
}  # fmt: skip


def test_account_says_of_each_key_what_it_becomes_or_why_not(tmp_path):
    file = tmp_path / "quant.yaml"
    file.write_text(yaml.safe_dump(CONFIG))
    table = account_table(read_config(file, method=CompressMethod.QAT)).set_index("key")
    assert len(table) == 8
    assert table.loc["TrainConfig.train_iter", "becomes"] == "train.iterations"
    assert table.loc["TrainConfig.lerning_rate", "becomes"] == ""
    assert "FastDeploy" in table.loc["TrainConfig.lerning_rate", "not used, since"]
