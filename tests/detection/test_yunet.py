"""YuNet behind `find_faces`: its file, its checksum, its rows."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from facekit.detection import face_finder, yunet
from facekit.detection.face_finder import find_faces
from facekit.zoo.official import OFFICIAL, cached_file, official_file

IMAGE = np.zeros((100, 120, 3), np.uint8)


class FakeYuNet:
    """Stands in for cv2.FaceDetectorYN: one face with a white left eye at (30, 40)."""

    def __init__(self, rows: np.ndarray | None) -> None:
        self.rows, self.size = rows, (0, 0)

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802
        self.size = size

    def detect(self, image: np.ndarray) -> tuple[int, np.ndarray | None]:
        assert image.shape[:2] == self.size[::-1]
        return 1, self.rows


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FACEKIT_HOME", str(tmp_path))
    monkeypatch.setattr(yunet, "_local", threading.local())
    return tmp_path


def put_file(home: Path, content: bytes) -> Path:
    (home / "weights").mkdir()
    path = home / "weights" / yunet.FILE
    path.write_bytes(content)
    return path


def test_without_its_file_an_error_says_how_to_get_it(home: Path) -> None:
    assert yunet.yunet_file() is None
    with pytest.raises(FileNotFoundError, match="facekit download yunet"):
        find_faces(IMAGE, detector="yunet")


def test_auto_without_its_file_is_the_embedded_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_finder, "embedded_rows", lambda images: [np.zeros((0, 15))] * 2)
    monkeypatch.setattr(face_finder, "yunet_rows", lambda images: pytest.fail("yunet was used"))
    assert find_faces(IMAGE) == []


def test_auto_with_its_file_is_yunet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_file(home, b"anything")
    monkeypatch.setattr(face_finder, "embedded_rows", lambda images: pytest.fail("the embedded detector was used"))
    monkeypatch.setattr(face_finder, "yunet_rows", lambda images: [np.zeros((0, 15))] * 2)
    assert find_faces(IMAGE) == []


def test_another_file_is_refused(home: Path) -> None:
    put_file(home, b"not an onnx file")
    with pytest.raises(ValueError, match="expected the published file with sha256 8f2383e4dd3c"):
        find_faces(IMAGE, detector="yunet")


def test_its_rows_become_faces(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_file(home, b"model")
    monkeypatch.setattr(yunet, "check_sha256", lambda path: None)
    points = [30, 40, 50, 40, 40, 50, 33, 62, 47, 62]
    detector = FakeYuNet(np.array([[20, 22, 40, 52, *points, 0.93]], np.float32))
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: detector)
    ((row,),) = yunet.yunet_rows([IMAGE])
    assert row[:3] == pytest.approx([0.93, 39.5, 47.5]) and row[3] * row[4] == pytest.approx(40 * 52)
    assert np.allclose(row[5:], np.array(points) - 0.5)
    detector.rows = None
    assert yunet.yunet_rows([IMAGE])[0].shape == (0, 15)


def test_a_download_is_checked(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = OFFICIAL["yunet"]
    assert entry.sha256 == yunet.SHA256 and entry.licence == "MIT"
    other = tmp_path / yunet.FILE
    other.write_bytes(b"another file")
    monkeypatch.setitem(OFFICIAL, "yunet", type(entry)(other.as_uri(), "MIT", "face detector", entry.sha256))
    with pytest.raises(ConnectionError, match="expected 8f2383e4"):
        official_file("yunet")
    assert cached_file("yunet") is None and yunet.yunet_file() is None


@pytest.mark.skipif(yunet.yunet_file() is None, reason="YuNet's file is not in the cache")
def test_the_real_detector_finds_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    astronaut = pytest.importorskip("skimage.data").astronaut()
    (face, *_) = find_faces(astronaut, detector="yunet")
    assert face.score > 0.8 and abs((face.box[0] + face.box[2]) / 2 - 221) < 15
