"""Comparisons: the table, the paired intervals, the advice in clear and unclear cases, files and drawings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from facekit.comparison.summary import check_labelling, summary
from facekit.images import load_image
from facekit.results import Comparison
from facekit.results.comparison import MainScore, ScoredCell

NME = MainScore("nme_box", higher_is_better=False)
# Three draws of NME in percent. farl is better than fsma by 1.0, 0.5 and 1.5.
SCORES = {"fsma": [6.0, 6.0, 8.5], "farl": [5.0, 5.5, 7.0], "synthparse": [15.0, 15.5, 17.0]}


def _comparison(scores: dict[str, list[float]], score: MainScore = NME, shots: int = 10) -> Comparison:
    cells = [
        ScoredCell(name, shots, draw, 20, {score.name: values[draw]}, 2.0)
        for draw in range(len(next(iter(scores.values()))))
        for name, values in scores.items()
    ]
    return summary("landmarks", score, cells, 20 * 3)


def test_table_and_differences_by_hand() -> None:
    found = _comparison({name: SCORES[name] for name in ("fsma", "farl")})
    first, second = found.table
    assert (first["backbone"], first["shots"], first["draws"], first["seconds"]) == ("fsma", 10, 3, 2.0)
    assert first["mean"] == pytest.approx(6.8333, abs=1e-3) and second["mean"] == pytest.approx(5.8333, abs=1e-3)
    assert second["std"] == pytest.approx(1.0408, abs=1e-3)
    (difference,) = found.differences
    # Mean 1, standard error 0.5 / sqrt(3), t 4.303: half width 1.242.
    assert (difference.better, difference.worse, difference.mean) == ("farl", "fsma", pytest.approx(1.0))
    assert difference.low == pytest.approx(-0.242, abs=1e-3) and difference.high == pytest.approx(2.242, abs=1e-3)
    # 60 s are a third of the 3 minutes of Table 6: a third of 3.6 minutes for each of 10 faces.
    assert found.labelling[0].few_shot == pytest.approx(10 * 1.2 / 60)


def test_unclear_advice_names_rival_interval_and_what_would_help() -> None:
    advice = _comparison(SCORES).advice
    assert advice.startswith("With 10 faces, farl has the best mean, 1.00 points better than fsma, but that may be")
    assert "(95 % interval -0.24 to 2.24, 3 draws); it is clearly better than synthparse." in advice
    assert advice.endswith("More draws would be needed to decide between farl and fsma.")


def test_clear_advice() -> None:
    two = _comparison({"fsma": [6.0, 6.5, 8.1], "farl": [5.0, 5.5, 7.0]})
    assert two.advice == (
        "Take farl with 10 faces: 1.03 points better than fsma (95 % interval 0.89 to 1.18, 3 draws)."
    )
    three = _comparison({"farl": [5.0, 5.5, 7.0], "fsma": [6.0, 6.5, 8.1], "synthparse": SCORES["synthparse"]})
    assert "than fsma, the next best" in three.advice and three.advice.endswith("better than the others, too.")
    lpips = MainScore("lpips", higher_is_better=False, unit="")
    assert "0.010 better in lpips than b" in _comparison({"a": [0.3, 0.4], "b": [0.31, 0.41]}, lpips, 1).advice
    f1 = MainScore("f1_mean", higher_is_better=True)
    assert _comparison({"a": [70.0, 80.0], "b": [60.0, 70.1]}, f1, 1).advice.startswith("Take a with 1 face: 9.95")


def test_no_false_certainty() -> None:
    one_draw = _comparison({"fsma": [6.0], "farl": [5.0]})
    assert "in a single draw" in one_draw.advice and "Take" not in one_draw.advice
    unknown = _comparison({"fsma": [math.nan] * 3, "farl": [5.0] * 3})
    assert unknown.advice.startswith("No advice with 10 faces: nme_box is not known")
    assert "No other backbone was compared" in _comparison({"fsma": [6.0, 7.0]}).advice
    with pytest.raises(ValueError, match="shots=3: expected one of 10"):
        one_draw.advice_at(3)


def test_equal_backbones_are_rarely_called_different() -> None:
    random = np.random.default_rng(0)
    advice = [
        _comparison(dict(zip("abc", random.normal(5, 1, (3, 3)).tolist(), strict=True))).advice for _ in range(300)
    ]
    # The intervals hold at 95 %, also for the best of three.
    assert np.mean([text.startswith("Take") for text in advice]) < 0.07


def test_save_and_load(tmp_path: Path) -> None:
    found = _comparison({"fsma": [6.0, 7.0], "farl": [5.0, 5.5]})
    found.save(tmp_path / "results.json")
    assert Comparison.load(tmp_path / "results.json") == found
    _comparison({"fsma": [6.0], "farl": [5.0]}).save(tmp_path / "single.json")
    assert "NaN" not in (tmp_path / "single.json").read_text()
    assert math.isnan(Comparison.load(tmp_path / "single.json").differences[0].low)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"expected a file of Comparison\.save"):
        Comparison.load(tmp_path / "other.json")
    (tmp_path / "cut.json").write_text('{"format": "facekit comparison 1", "task": "landmarks"}')
    with pytest.raises(ValueError, match="write it again"):
        Comparison.load(tmp_path / "cut.json")


def test_text_has_all_parts() -> None:
    text = str(_comparison(SCORES))
    assert "landmarks: nme_box in % (lower is better)" in text and "5.83 ± 1.04" in text
    assert "farl better than fsma by" in text and "10  0.20 h" in text and "by hand" in text


def test_plot_writes_files_and_draws_into_axes(tmp_path: Path) -> None:
    single = _comparison(SCORES)
    cells = (*single.cells, *_comparison(SCORES, shots=50).cells)
    several = summary("landmarks", NME, cells)
    axes = several.plot(tmp_path / "curve.png")
    assert axes.get_xscale() == "log" and [text.get_text() for text in axes.get_xticklabels()] == ["10", "50"]
    curve = next(line for line in axes.lines if line.get_label() == "farl")
    assert list(curve.get_xdata()) == [10, 50] and curve.get_ydata()[0] == pytest.approx(5.8333, abs=1e-3)
    assert load_image(tmp_path / "curve.png").std() > 10
    from matplotlib.figure import Figure

    own = Figure().add_subplot()
    assert single.plot(own) is own and own.get_xlabel() == "backbone, 10 labelled faces"
    with pytest.raises(ValueError, match=r"expected \.png"):
        single.plot(tmp_path / "curve.txt")


@pytest.mark.parametrize(("task", "seconds"), [("attributes", 3.0), ("landmarks", 0), ("landmarks", "fast")])
def test_labelling_time_is_checked(task: str, seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds_per_label"):
        check_labelling(task, seconds)
