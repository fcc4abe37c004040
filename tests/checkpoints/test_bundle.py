"""Bundles and parts on disk: what was written is read back, and anything else is refused in one sentence."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from codes.checkpoints import bundle as bundles
from codes.checkpoints import part as parts
from codes.checkpoints.bundle import CRITIC, Bundle, check_category, part_folder, shipped_bundles, write_critic
from codes.checkpoints.part import PartConfig, read_config, read_critic, read_decoder, read_router, write_part
from codes.checkpoints.tensors import dequantise, fill, load_tensors, quantise, save_tensors
from codes.errors import BadFile, ModelNotFound, SketchError
from codes.inference.completer import Completer
from codes.model.config import CriticConfig
from codes.model.critic import Critic
from tests.support.worlds import (
    CATEGORIES,
    SCALE,
    TINY_ROUTER,
    TINY_VAE,
    batch_of,
    prefixes,
    stirred,
    stirred_router,
    stirred_vae,
)
from tests.support.worlds import tiny_bundle as make


@pytest.fixture
def folder(bundle, tmp_path) -> Path:
    """Return a copy of the tiny bundle that a test may harm."""
    return Path(shutil.copytree(bundle.folder, tmp_path / "tiny"))


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def message_of(error: pytest.ExceptionInfo[SketchError]) -> str:
    """Return the message, which is one sentence on one line."""
    message = str(error.value)
    assert "\n" not in message
    assert 10 < len(message) < 400
    return message


def decoder_config(**changes: object) -> PartConfig:
    return PartConfig(
        **{"kind": "decoder", "model": TINY_VAE.to_dict(), "scale": SCALE, "categories": ["sun"], **changes}
    )


def test_a_bundle_reads_back_what_was_written(bundle):
    assert bundle.categories == CATEGORIES
    vae, config = bundle.vae("square")
    expected = stirred_vae(1).state_dict()
    for name, value in vae.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, expected[name].half().float())
    assert config.scale == pytest.approx(SCALE * 1.1)
    assert config.normaliser.scale == config.scale
    net, config = bundle.router()
    assert net.config.labels == len(config.categories) == 4
    assert config.calibration["log_inverse_temperature"] == -math.log(1.5)


def critic_part(*categories: str) -> tuple[Critic, PartConfig]:
    critic = Critic(CriticConfig(TINY_ROUTER.features, len(categories)))
    stirred(critic, seed=5)
    return critic, PartConfig("critic", critic.config.to_dict(), SCALE, list(categories))


def test_a_bundle_may_get_a_critic_and_nothing_else_of_it_changes(folder):
    before = Bundle.open(folder)
    assert (before.critic(), before.has_critic) == (None, False)
    critic, config = critic_part("circle", "zigzag")
    after = write_critic(before, critic, config)
    assert (after.categories, after.decoders) == (before.categories, before.decoders)
    assert before.hashes.items() < after.hashes.items()
    net, facts = after.critic()
    assert facts.categories == ["circle", "zigzag"]
    assert torch.equal(net.rows.weight, critic.rows.weight.half().float())
    assert torch.equal(net.rows.bias, critic.rows.bias.half().float())


def test_a_critic_that_is_not_whole_is_refused(folder):
    bundle = write_critic(Bundle.open(folder), *critic_part("circle"))
    (folder / CRITIC / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadFile) as error:
        bundle.critic()
    assert "sha256 differs" in message_of(error)
    (folder / CRITIC / "weights.safetensors").unlink()
    with pytest.raises(BadFile) as error:
        bundle.critic()
    assert "missing" in message_of(error)


def test_a_critic_of_more_rows_than_categories_is_refused(tmp_path):
    critic, config = critic_part("circle", "zigzag")
    write_part(tmp_path, replace(config, categories=["circle"]), critic.state_dict(), "float16")
    with pytest.raises(BadFile) as error:
        read_critic(tmp_path)
    assert "1 categories, but 2 labels" in message_of(error)


def test_weights_are_stored_in_half_and_used_in_single_precision(bundle):
    stored, _ = load_tensors(bundle.folder / "decoders" / "circle" / "weights.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    batch = batch_of(3)
    read, _ = bundle.vae("circle")
    mean = read.encode(batch.points, batch.lengths).mean
    torch.testing.assert_close(mean, stirred_vae(0).encode(batch.points, batch.lengths).mean, rtol=0.05, atol=0.05)
    assert not any(value.requires_grad for value in read.parameters())


def test_weights_in_single_precision_come_back_bit_for_bit(tmp_path):
    write_part(tmp_path / "part", decoder_config(), stirred_vae().state_dict(), "float32")
    part = read_decoder(tmp_path / "part")
    read, config = part.vae, part.config
    assert all(torch.equal(value, stirred_vae().state_dict()[name]) for name, value in read.state_dict().items())
    assert config == decoder_config()


def test_opening_reads_the_table_of_contents_only(folder):
    shutil.rmtree(folder / "decoders")
    shutil.rmtree(folder / "router")
    assert Bundle.open(folder).categories == CATEGORIES


def test_a_part_is_found_by_its_category_whatever_its_name_is():
    assert part_folder("alarm clock") == "decoders/alarm_clock"
    for name in ("../../etc", "/etc/passwd", "..", "a/b\\c", "C:\\x"):
        assert part_folder(name).startswith("decoders/")
        assert set(part_folder(name).split("/")).isdisjoint({"..", "."})
        assert part_folder(name).count("/") == 1


def test_an_unknown_bundle_is_named_with_those_there_are(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(bundles, "SHIPPED", folder.parent)
    assert shipped_bundles() == ["tiny"]
    assert Bundle.open("tiny").categories == CATEGORIES
    with pytest.raises(ModelNotFound, match="no model 'giant'; there are tiny") as error:
        Bundle.open("giant")
    message_of(error)


def test_an_unknown_category_is_named_with_those_there_are(bundle):
    with pytest.raises(ModelNotFound, match="no category 'cow'; there are circle, square, zigzag") as error:
        bundle.vae("cow")
    message_of(error)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "[" * 100_000, "{}", '{"format": 6}'])
def test_a_damaged_table_of_contents_is_refused(folder, text):
    (folder / "bundle.json").write_text(text)
    with pytest.raises(BadFile, match="table of contents") as error:
        Bundle.open(folder)
    message_of(error)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 4}, "a bundle of format 4, but this version reads format 6"),
        ({"categories": []}, "not the same"),
        ({"categories": ["circle"]}, "not the same"),
        ({"categories": ["circle", "square", "cow"]}, "not the same"),
        ({"categories": ["circle", "circle", "square", "zigzag"]}, "not the same"),
        ({"categories": [["circle"], "square", "zigzag"]}, "table of contents"),
        ({"categories": 5}, "table of contents"),
        ({"decoders": ["circle"]}, "table of contents"),
        ({"decoders": dict.fromkeys(CATEGORIES, "decoders/circle")}, "share a part"),
        ({"decoders": {"circle": 1, "square": 2, "zigzag": 3}}, "table of contents"),
        ({"decoders": {"circle": "../circle", "square": "b", "zigzag": "c"}}, "outside the bundle"),
        ({"decoders": {"circle": "a/../../circle", "square": "b", "zigzag": "c"}}, "outside the bundle"),
        ({"decoders": {"circle": "/etc", "square": "b", "zigzag": "c"}}, "outside the bundle"),
        ({"sha256": 3}, "table of contents"),
    ],
)
def test_a_table_of_contents_that_contradicts_itself_is_refused(folder, changes, reason):
    edit(folder / "bundle.json", **changes)
    with pytest.raises(BadFile, match=reason) as error:
        Bundle.open(folder)
    message_of(error)


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / "decoders" / "square" / name).unlink()
    with pytest.raises(BadFile, match="missing") as error:
        Bundle.open(folder).vae("square")
    message_of(error)
    Bundle.open(folder).vae("circle")


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors"])
@pytest.mark.parametrize("part", ["router", "decoders/square"])
def test_a_changed_file_is_named(folder, name, part):
    path = folder / part / name
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    opened = Bundle.open(folder)
    with pytest.raises(BadFile, match="sha256 differs") as error:
        opened.router() if part == "router" else opened.vae("square")
    assert str(path) in message_of(error)


def test_a_hash_missing_from_the_table_is_refused(folder):
    edit(folder / "bundle.json", sha256={})
    with pytest.raises(BadFile, match="sha256 differs"):
        Bundle.open(folder).router()


def test_a_part_of_another_kind_is_refused(folder):
    edit(folder / "bundle.json", decoders={"circle": "router", "square": "decoders/square", "zigzag": "b"})
    with pytest.raises(BadFile, match="holds a 'router' part where a 'decoder' part is needed") as error:
        Bundle.open(folder).vae("circle")
    message_of(error)


def test_a_router_that_never_learned_a_category_is_refused(tmp_path):
    building = tmp_path / "building"
    sizes = TINY_ROUTER.to_dict()
    config = PartConfig("router", sizes, SCALE, ["circle", "square", "cow"])
    write_part(building / "router", config, stirred_router().state_dict(), "float32")
    write_part(building / "decoders" / "zigzag", decoder_config(), stirred_vae().state_dict(), "float32")
    made = bundles.publish_bundle(building, tmp_path / "made", {"zigzag": "decoders/zigzag"}, "")
    with pytest.raises(BadFile, match="never learned zigzag") as error:
        Completer(made).classify(prefixes(1)[0])
    message_of(error)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "dance"}, "make no sense"),
        ({"scale": 0.0}, "make no sense"),
        ({"scale": float("nan")}, "make no sense"),
        ({"scale": "20"}, "not the configuration"),
        ({"categories": [["x"]]}, "make no sense"),
        ({"categories": 5}, "not the configuration"),
        ({"calibration": {"log_inverse_temperature": float("nan")}}, "make no sense"),
        ({"calibration": {"heat": 1.0}}, "not the configuration"),
        ({"surprise": 1}, "not the configuration"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(tmp_path, changes, reason):
    write_part(tmp_path / "part", decoder_config(), stirred_vae().state_dict(), "float32")
    edit(tmp_path / "part" / "config.json", **changes)
    with pytest.raises(BadFile, match=reason) as error:
        read_config(tmp_path / "part")
    message_of(error)


@pytest.mark.parametrize(
    "model",
    [
        {},
        [],
        {**TINY_VAE.to_dict(), "decoder": {"size": -1}},
        {**TINY_VAE.to_dict(), "decoder": {"size": 10**12}},
        {**TINY_VAE.to_dict(), "decoder": {"size": "8"}},
        {**TINY_VAE.to_dict(), "encoder": {"height": 5}},
        {"encoder": 1, "decoder": 2},
    ],
)
def test_impossible_sizes_are_refused(tmp_path, model):
    write_part(tmp_path / "part", decoder_config(), stirred_vae().state_dict(), "float32")
    edit(tmp_path / "part" / "config.json", model=model)
    with pytest.raises(BadFile, match="sizes in it") as error:
        read_decoder(tmp_path / "part")
    message_of(error)


def test_weights_of_other_sizes_are_refused(tmp_path):
    write_part(tmp_path / "part", decoder_config(), stirred_vae().state_dict(), "float32")
    larger = TINY_VAE.to_dict()
    larger["decoder"]["size"] = 9
    edit(tmp_path / "part" / "config.json", model=larger)
    with pytest.raises(BadFile, match=r"do not fit the sizes.*first: decoder") as error:
        read_decoder(tmp_path / "part")
    message_of(error)


def test_a_router_with_more_labels_than_categories_is_refused(tmp_path):
    config = PartConfig("router", TINY_ROUTER.to_dict(), SCALE, ["circle", "square"])
    write_part(tmp_path / "part", config, stirred_router().state_dict(), "float32")
    with pytest.raises(BadFile, match="2 categories, but 3 labels") as error:
        read_router(tmp_path / "part")
    message_of(error)


@pytest.mark.parametrize("count", [0, 2, 3, 4])
def test_a_calibration_of_more_labels_than_the_router_has_is_refused(tmp_path, count):
    """Fewer are fine: labels that were taught afterwards come last and have no weights."""
    calibration = dict.fromkeys(("logit_weights", "probability_weights", "length_weights"), [0.1] * count)
    config = PartConfig("router", TINY_ROUTER.to_dict(), SCALE, list(CATEGORIES), calibration)
    write_part(tmp_path / "part", config, stirred_router().state_dict(), "float32")
    if count <= 3:
        assert read_router(tmp_path / "part")[1].calibration == calibration
        return
    with pytest.raises(BadFile, match="calibrated by more logits than the router has labels") as error:
        read_router(tmp_path / "part")
    message_of(error)


def test_weights_beyond_half_precision_are_refused(tmp_path):
    vae = stirred_vae()
    vae.decoder.output.bias[3] = 1e6
    write_part(tmp_path / "part", decoder_config(), vae.state_dict(), "float16")
    with pytest.raises(BadFile, match="not a finite number") as error:
        read_decoder(tmp_path / "part")
    message_of(error)


@pytest.mark.parametrize("keep", [0, 1, 9, 200, -1])
def test_weights_cut_short_are_refused(tmp_path, keep):
    path = tmp_path / "w.safetensors"
    save_tensors(path, stirred_vae().state_dict(), {"kind": "decoder"})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadFile, match="cannot be read") as error:
        load_tensors(path)
    message_of(error)


def test_missing_files_pickles_and_files_without_our_facts_are_refused(tmp_path):
    with pytest.raises(BadFile, match="no such file"):
        load_tensors(tmp_path / "none.safetensors")
    torch.save({"x": torch.zeros(2)}, tmp_path / "a.pt")
    with pytest.raises(BadFile, match="cannot be read"):
        load_tensors(tmp_path / "a.pt")
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "b.safetensors")
    save_file({"x": torch.zeros(2)}, tmp_path / "c.safetensors", metadata={"facts": "[1, 2]"})
    for name in ("b.safetensors", "c.safetensors"):
        with pytest.raises(BadFile, match="not one of ours"):
            load_tensors(tmp_path / name)


def test_tensors_and_facts_survive_and_a_failed_write_leaves_the_old(tmp_path):
    path = tmp_path / "t.safetensors"
    tensors = {"a": torch.randn(3, 2).T, "b": torch.arange(4)}
    facts = {"step": 3, "best": 0.1 + 0.2, "sums": {"x": [1.5, 2.0]}}
    save_tensors(path, tensors, facts)
    found, same = load_tensors(path)
    assert same == facts
    assert all(torch.equal(found[name], value) for name, value in tensors.items())
    with pytest.raises(TypeError):
        save_tensors(path, tensors, {"step": object()})
    assert load_tensors(path)[1] == facts
    assert [each.name for each in tmp_path.iterdir()] == ["t.safetensors"]


def test_fill_refuses_one_tensor_too_few_or_too_many(tmp_path):
    tensors = stirred_vae().state_dict()
    for change in ({"extra": torch.zeros(1)}, None):
        odd = {**tensors, **change} if change else {name: tensors[name] for name in list(tensors)[1:]}
        with pytest.raises(BadFile, match="do not fit"):
            fill(stirred_vae(), odd, tmp_path / "x")


def test_publishing_replaces_a_bundle_whole(tmp_path):
    first = make(tmp_path / "tiny")
    (tmp_path / ".tiny.old").mkdir()
    (tmp_path / ".tiny.old" / "left").write_text("by a process that was killed")
    (first.folder / "stray").write_text("x")
    again = make(tmp_path / "tiny", {"log_inverse_temperature": -1.0})
    assert again.router()[1].calibration == {"log_inverse_temperature": -1.0}
    assert not (again.folder / "stray").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert (again.folder / "README.md").read_text() == "A tiny bundle.\n"


@pytest.mark.parametrize(("precision", "error"), [("float32", 0.0), ("float16", 1e-3), ("int8", 0.5 / 127)])
def test_stored_weights_come_back_to_their_precision(precision, error):
    tensors = stirred_vae().state_dict()
    back = dequantise(quantise(tensors, precision))
    assert back.keys() == tensors.keys()
    for name, value in tensors.items():
        assert back[name].dtype == torch.float32
        largest = value.abs().amax(dim=-1, keepdim=True)
        assert ((back[name] - value).abs() <= largest * (error + 1e-3 * (error > 0))).all(), name


def test_a_row_of_zeros_survives_int8():
    matrix = {"w": torch.tensor([[0.0, 0.0], [1.0, -0.5]])}
    torch.testing.assert_close(dequantise(quantise(matrix, "int8"))["w"], matrix["w"], atol=5e-3, rtol=0)


def test_a_scale_without_its_matrix_is_refused(tmp_path):
    tensors = {**quantise(stirred_vae().state_dict(), "int8"), "stray.row_scale": torch.ones(3)}
    write_part(tmp_path / "part", decoder_config(), {}, "float32")
    save_tensors(tmp_path / "part" / "weights.safetensors", tensors, {})
    with pytest.raises(BadFile, match="do not fit"):
        read_decoder(tmp_path / "part")


def test_of_many_categories_those_that_may_be_meant_are_named():
    names = [f"thing {number}" for number in range(40)] + ["bicycle", "motorbike"]
    with pytest.raises(ModelNotFound, match=r"did you mean .bicycle. or .motorbike.. .* all 42"):
        check_category("bike", names)
    with pytest.raises(ModelNotFound, match=r"no category .qqqq.; draw_client\.py list shows all 42"):
        check_category("qqqq", names)
    check_category("bicycle", names)


def test_a_difference_is_read_into_a_copy_of_the_common_decoder(tmp_path, monkeypatch):
    bundle = make(tmp_path / "tiny", rank=2)
    common = bundle.common
    before = {name: value.clone() for name, value in common.state_dict().items()}
    monkeypatch.setattr(parts, "SketchVAE", lambda sizes: pytest.fail("a model is made anew"))
    part = bundle.decoder("square")
    assert part.difference is not None and part.config.rank == 2
    assert all(torch.equal(value, before[name]) for name, value in common.state_dict().items())
    assert not torch.equal(part.vae.decoder.lstm.weight_hidden, before["decoder.lstm.weight_hidden"])
    encoders = (each.encoder.forwards.weight_hidden.data_ptr() for each in (part.vae, common))
    assert len(set(encoders)) == 1, "what does not differ is there once"


def test_a_difference_of_other_sizes_than_the_common_decoder_is_refused(tmp_path):
    bundle = make(tmp_path / "tiny", rank=2)
    folder = bundle.folder / bundle.decoders["square"]
    facts = json.loads((folder / "config.json").read_text())
    facts["model"]["decoder"]["dropout"] = 0.25
    (folder / "config.json").write_text(json.dumps(facts))
    assert read_decoder(folder, bundle.common).config.model["decoder"]["dropout"] == 0.25
    facts["model"]["decoder"]["mixtures"] += 1
    (folder / "config.json").write_text(json.dumps(facts))
    with pytest.raises(BadFile, match="not those of the common decoder"):
        read_decoder(folder, bundle.common)
