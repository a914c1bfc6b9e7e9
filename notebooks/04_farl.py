# %% [markdown]
# # FaRL, step by step
#
# **General Facial Representation Learning in a Visual-Linguistic Manner** (Zheng et al., CVPR 2022;
# [arXiv 2112.03109](https://arxiv.org/abs/2112.03109)).
#
# The idea of the paper: a vision transformer learns faces from images *and texts about them*. At the same time it learns to predict masked
# patches. Then it is frozen. Small heads on top of it predict points, parts or attributes, all from the same features.
#
# This notebook follows the paper's order; each heading names its section, equation or table. Everything is small. The paper's transformer has 86
# million parameters and was trained on 20 million pairs, sixteen times each. The one in this package has 2.8 million parameters and was trained
# on 34,700 pairs of 13,000 faces, about nine times each. So the numbers below are **not** the paper's; the last section says what they cannot
# show. With the official weights (`weights="official"`, a download of some hundred megabytes) the same calls use the paper's network.
#
# It needs no GPU and no network, and runs in about four minutes on two CPU cores.

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown, display
from skimage import data

import facekit
from facekit.api.shards import make_shards
from facekit.backbones.farl.contrastive_loss import contrastive_loss
from facekit.backbones.farl.masked_image_model import random_masks
from facekit.backbones.farl.tokenizer import load_tokens
from facekit.data.synthetic_faces.generator import ATTRIBUTES, GeneratedFaces
from facekit.geometry import TanhCrop
from facekit.images import to_tensor
from facekit.zoo import embedded_file
from facekit.labels import FACEKIT_27, FASSEG_6, segmentation_map
from facekit.training.distributed import ALONE
from facekit.geometry.tanh_warp import tanh_alpha

folder = Path(tempfile.mkdtemp())


def arrays(x):
    """Torch images (N,3,H,W), uint8 or in [0, 1], to numpy (N,H,W,3) uint8."""
    x = x if x.dtype == torch.uint8 else (255 * x.clamp(0, 1)).round().byte()
    return x.permute(0, 2, 3, 1).cpu().numpy()


def show(rows, width=1.45):
    """Rows of images; rows: {title: images}."""
    columns = max(len(images) for images in rows.values())
    size = ((columns + 0.55) * width, len(rows) * width * 1.03)
    figure, axes = plt.subplots(len(rows), columns, figsize=size, squeeze=False)
    for line, (title, images) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image)
        line[0].text(-0.12, 0.5, title, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
    figure.subplots_adjust(0.55 / (columns + 0.55), 0, 1, 1, 0.03, 0.03)
    plt.show()


def table(head, *rows):
    cells = [[f"{c:.1f}" if isinstance(c, float) else str(c) for c in row] for row in (head, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    display(Markdown("\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])))


# %% [markdown]
# Generated faces, with a sentence about each. `framing=1.8` leaves as much margin around the face as the paper's mean face does (section 3.4:
# every face is aligned to it).

# %%
turned = dict(yaw=(-30, 30), pitch=(-15, 15), roll=(-10, 10))
faces = GeneratedFaces(seed=77, size=96, domain="wild", framing=1.8, **turned)
batch = faces.batch(range(100), want=("image", "mask", "landmarks68", "caption", "attributes"))
images = arrays(batch["image"])   # (100, 96, 96, 3) RGB
said = {name: batch["attributes"][:, i].numpy() for i, name in enumerate(ATTRIBUTES)}
show({"drawn": images[:8]}, width=1.2)
for sentence in batch["caption"][:4]:
    print("*", sentence)

# %% [markdown]
# ## 1 · Two towers and one space (section 3.2)
#
# The **image tower** is a vision transformer. The image is cut into 12 × 12 patches of 8 pixels, and each patch becomes a *token*. A **class
# token** is added in front. Six blocks of attention (twelve in the paper) exchange information between all tokens. The **text tower** does the same
# with words. Both end in a vector of the same length. Training makes the vectors of an image and of its own text similar.
#
# `features` returns the maps of blocks 2, 3, 4 and 6, which the heads read. (Section 4.1: 4, 6, 8 and 12 of the paper's twelve.) `encode` and
# `encode_text` return the vectors.

# %%
pair = facekit.load_backbone("farl")
x = to_tensor(list(images))
with torch.no_grad():
    maps, image_codes, texts = pair.features(x[:2]), pair.encode(x), pair.encode_text(batch["caption"])
millions = [sum(p.numel() for p in tower.parameters()) / 1e6 for tower in (pair.image, pair.text)]
print(f"image tower {millions[0]:.1f} million parameters, text tower {millions[1]:.1f} million")
print("maps of four blocks:", [tuple(m.shape) for m in maps])
print("vectors of images and of texts:", tuple(image_codes.shape), tuple(texts.shape))

# %% [markdown]
# **Equation 1** is a classification: for every image in a batch, which of the batch's texts is its own? The same is done for every text. The matrix
# below holds the similarities of 24 images (rows) with their 24 texts (columns). Training raises the diagonal. The temperature σ is learned,
# too; it starts at 0.07.

# %%
similarity = (image_codes @ texts.T)[:24, :24].numpy()
with torch.no_grad():
    loss = contrastive_loss(image_codes, texts, pair.logit_scale, ALONE).item()
rank = 1 + ((image_codes @ texts.T) > (image_codes * texts).sum(1, keepdim=True)).sum(1).float()
figure, axis = plt.subplots(figsize=(3.6, 3.1))
figure.colorbar(axis.imshow(similarity, cmap="magma"), ax=axis)
axis.set_xlabel("text"), axis.set_ylabel("image")
plt.show()
print(f"loss {loss:.2f}, of pure chance {np.log(100):.2f}")
print(f"sorted by similarity, the right text is number {rank.median():.0f} of 100 (median); by chance 50")

# %% [markdown]
# **Zero-shot.** This needs no labels: two sentences are compared with each image, and the probabilities are a softmax over the similarities. The
# score is the area under the ROC curve (AUC). It says how often a face of the first kind gets a higher probability than one of the second. By
# chance it is 0.5.

# %%
questions = {
    "Male": ("a man", "a woman"),
    "No_Beard": ("a person without a beard", "a man with a beard"),
    "Blond_Hair": ("a person with blond hair", "a person with black hair"),
    "Wearing_Hat": ("a person with a hat", "a person without a hat"),
    "Young": ("a young person", "an old person"),
    "Eyeglasses": ("a person with glasses", "a person without glasses"),
}
rows = []
for name, (one, other) in questions.items():
    chance = facekit.match(list(images), [one, other])[:, 0]
    is_one = said[name] > 0
    rows.append([one, other, float((chance[is_one][:, None] > chance[~is_one][None]).mean())])
table(["one", "the other", "AUC on 100 drawn faces"], *[[a, b, f"{auc:.2f}"] for a, b, auc in rows])

# %% [markdown]
# Words that are frequent in the captions work. Words that are rare, or that describe few pixels, do not. The next cell does the same on a real
# photo, the astronaut Eileen Collins (NASA, public domain). `align="mean"` finds the face and aligns it to the mean face.

# %%
photo = data.astronaut()
asked = {
    "who": ["a man", "a woman"],
    "hair": [f"a woman with {colour} hair" for colour in ("black", "brown", "blond", "gray")],
    "face": ["a smiling woman", "a serious woman"],
    "eyes": ["a woman with glasses", "a woman without glasses"],
}
for name, sentences in asked.items():
    chances = facekit.match(photo, sentences, align="mean")
    print(f"{name}:", ", ".join(f"{s} {c:.0%}" for s, c in zip(sentences, chances, strict=True)))

# %% [markdown]
# The small tower is right about the smile and wrong about all else. It predicts a man for short hair, and gray hair for light on the hair. To compare
# with the paper's tower, which was trained on 20 million texts, use `weights="official"`.

# %% [markdown]
# **Which pixels match the text?** (section 4.7, Figure 5). Grad-CAM takes the gradient of the similarity at the first LayerNorm of the last block.
# It shows which patches raise the similarity with the text. The maps are coarse, because there are only twelve by twelve patches and the tower is
# small.

# %%
texts_asked = ["glasses", "a beard", "a hat", "long hair", "a smile"]
groups = (said["Eyeglasses"] & ~said["Male"], ~said["No_Beard"], said["Wearing_Hat"])
chosen = [np.flatnonzero(group)[0] for group in groups]
heats = {i: [facekit.explain(images[i], text).draw() for text in texts_asked] for i in chosen}
show({f"face {i}": [images[i], *drawn] for i, drawn in heats.items()}, width=1.5)
print("the image;", "; ".join(texts_asked))

# %% [markdown]
# ## 2 · Masked image modelling (section 3.3)
#
# Captions say little about the exact place of an eyelid. So the same tower has a second loss. Up to 75 of 196 patches are replaced by one learned
# **mask token** (equation 2), and a one-layer transformer predicts the content of these patches. The target is not their pixels, but their
# **visual tokens**: an auto-encoder has assigned each patch to an entry of a vocabulary before. (The paper takes DALL-E's with 8,192 entries; the
# package has a small one of its own with 1,024.) The loss is a cross-entropy over that vocabulary (equation 3).

# %%
tokens = load_tokens(embedded_file("tokenizer"))
masks = random_masks(6, 12, torch.Generator().manual_seed(3))
hidden = x[:6].clone()
blocks = masks.view(6, 1, 12, 12).repeat_interleave(8, 2).repeat_interleave(8, 3)
hidden = torch.where(blocks, torch.full_like(hidden, 0.55), hidden)
with torch.inference_mode():
    ids = tokens.ids(x[:6], 12)
    again = tokens.decode(tokens.codes[ids].view(6, 12, 12, -1))
show({"image": images[:6], "hidden": arrays(hidden), "painted from\nits tokens": arrays(again)}, width=1.3)
print("tokens of the first image's upper rows:", ids[0, :24].tolist())

# %% [markdown]
# The 144 tokens keep light, colours and the shape of a face.
#
# ## 3 · Pre-training (section 3.4)
#
# Images and texts are packed into *shards* by `facekit shard`, which finds the faces, too. `facekit.pretrain("farl", ...)` trains with both losses
# together. Every image passes through the tower twice. We run a few steps on a few pairs to show that the losses fall. The package's weights took
# 4,500 steps at 64 px and 600 at 96 px.

# %%
make_shards(["generated:96"], folder / "shards", size=96, progress=False)
facekit.pretrain(
    "farl", folder / "shards", out=folder / "own.safetensors", steps=24, batch_size=16, input_size=64,
    warmup=4, seed=0, progress=False,
)
curve = [json.loads(line) for line in (folder / "own.checkpoint.jsonl").read_text().splitlines()]
figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.3))
titles = ("contrast, equation 1", "masked patches, equation 3")
for axis, name, title in zip(axes, ("itc", "mim"), titles, strict=True):
    axis.plot([line["step"] for line in curve], [line[name] for line in curve], color="#4f5fd9")
    axis.set_title(title), axis.set_xlabel("step")
figure.tight_layout()
plt.show()
card = json.loads((folder / "own.json").read_text())
print({k: card[k] for k in ("pairs in all", "patch tokens in all", "pairs a second")})

# %% [markdown]
# ## 4 · Heads on a frozen tower (section 4.1)
#
# Four maps are resized to strides of 4, 8, 16 and 32 pixels, and **UperNet** merges them into one map for points or parts. For attributes, the head
# takes the class token and the mean and maximum of the patch tokens of each block. It normalises them, mixes them by learned weights, and
# applies one layer. The tower itself is frozen, so its features are computed once.

# %%
few, unseen = slice(0, 30), slice(30, 100)
points = batch["landmarks68"].numpy()
masks6 = segmentation_map(FACEKIT_27, FASSEG_6)[batch["mask"].numpy()]
names = ["Male", "Eyeglasses", "No_Beard", "Wearing_Hat"]
tags = np.stack([said[name] for name in names], 1).astype(float)
shared = dict(backbone="farl", seed=0, progress=False)
aligner = facekit.adapt(images[few], points[few], "landmarks", names="68", steps=250, **shared)
parser = facekit.adapt(images[few], masks6[few], "segmentation", names=FASSEG_6, steps=350, **shared)
tagger = facekit.adapt(images[few], tags[few], "attributes", names=names, **shared)
pairs = ((aligner, points), (parser, masks6), (tagger, tags))
scores = [facekit.evaluate(model, images[unseen], labels[unseen]) for model, labels in pairs]
commoner = 100 * float(((tags[few].mean(0) > 0.5) == tags[unseen]).mean())
table(
    ["from 30 drawn faces", "on 70 others"],
    ["points: NME %", scores[0]["nme_inter_ocular"]],
    *[[f"parts: F1 of {part} %", scores[1][f"f1_{part}"]] for part in FASSEG_6.classes[1:]],
    ["attributes: accuracy %", scores[2]["accuracy"]],
    ["... the commoner answer for everyone: accuracy %", commoner],
)

# %% [markdown]
# Large parts are learned first. Eyes are three pixels high here, less than half a patch. They need more images and steps than a notebook has time
# for.
#
# **Three heads in one call.** A list of models on the same frozen tower costs less than single calls, because the tower runs once.

# %%
found = [facekit.predict([aligner, parser, tagger], image) for image in images[30:36]]
show({name: [f[i].draw() for f in found] for i, name in enumerate(("points", "parts"))}, width=1.6)
answers = [[name, *[f"{f[2].probabilities[k]:.0%}" for f in found]] for k, name in enumerate(names)]
table(["", *[f"face {i}" for i in range(1, 7)]], *answers)

# %% [markdown]
# **Which blocks help which task?** (section 4.5, Figure 4). The head may read one block four times instead of four blocks. In the paper, parsing is
# best with the fifth of its twelve blocks, and attributes with the ninth. This is a small and quick version, at 64 pixels:

# %%
rows = []
for block in (1, 2, 4, 6):
    one = dict(layers=(block,) * 4, input_size=64, **shared)
    pointed = facekit.adapt(images[few], points[few], "landmarks", names="68", steps=120, **one)
    tagged = facekit.adapt(images[few], tags[few], "attributes", names=names, **one)
    nme = facekit.evaluate(pointed, images[unseen], points[unseen])["nme_inter_ocular"]
    rows.append([block, nme, facekit.evaluate(tagged, images[unseen], tags[unseen])["accuracy"]])
table(["block", "points: NME %", "attributes: accuracy %"], *rows)

# %% [markdown]
# ## 5 · Tanh-warping (appendix, Table 12)
#
# Parsing needs all of the hair *and* sharp eyes. The paper warps the image: the face stays as it is, and tanh<sub>α</sub> compresses everything
# around it towards the border. `align="tanh"` does that, and results are warped back. On the left is the curve, on the right the photo for several
# α; α = 0.8 is the default.

# %%
face = facekit.find_faces(photo)[0].box
side = 1.5 * (face[2] - face[0])
cx, cy = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
plain = facekit.geometry.crop_matrix((cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2), 160)
alphas = (0.2, 0.5, 0.8, 1.0)
figure, axes = plt.subplots(1, 5, figsize=(11, 2.2))
u = np.linspace(-3, 3, 200)
for axis, alpha in zip(axes[1:], alphas, strict=True):
    axes[0].plot(u, tanh_alpha(u, alpha), label=f"α = {alpha}")
    axis.imshow(TanhCrop(plain, 160, alpha).image(photo))
    axis.set_title(f"α = {alpha}"), axis.set_axis_off()
axes[0].legend(fontsize=7)
plt.show()

# %% [markdown]
# ## 6 · What this small run cannot show
#
# - The paper's tower is 31 times larger and was trained on about 1,000 times as many pairs. Their texts were written by people about photos of the
#   web. Ours was trained on captions that a program made from attributes. So it works for hair, beards, glasses and smiles, and for little else.
# - The paper's comparisons (Tables 1 and 2: MoCo v3, BEiT, ViT, DeiT, CLIP) need those networks' weights. `tower="vit_base_patch16_224"` with
#   `weights="official"` replaces the tower by any ViT of timm, with the same heads.
# - Generated faces are easier than photos. `facekit reproduce farl/table1` measures on real ones; the figures are in
#   [Results](../benchmarks/RESULTS.md).
