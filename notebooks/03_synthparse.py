# %% [markdown]
# # Face parsing from synthetic data, step by step
#
# **In the Wild Face Parsing in Synthetic-Data Trained Models** (Nathan Baker).
#
# *Parsing* a face means to predict for every pixel whether it is skin, hair, nose, the left eye and so on. Labels are expensive, because
# somebody has to outline every part by hand. Generated faces come with exact masks. **Are they good enough?** The paper has three
# questions:
#
# - Is a parser that was trained on generated faces as good on real photos as one that was trained on photos? (Without a label adapter: no.)
# - Does it help to **mix** both kinds? (In the paper the half-and-half mix was the best of all.)
# - How much does a **label adapter** gain? It is a second network that turns the parser's masks into those that the annotators of another
#   data set would draw. (For parsers trained on generated faces: 0.11 of F1.)
#
# This notebook follows the paper's order; each heading names its section or table. Everything is small, and **no real face was labelled for
# it**: its "real" faces are generated, too, with other settings (section 1). So it shows how the experiment works, not its result; the last
# section says more.
#
# It needs no GPU and no network, and runs in about three minutes on two CPU cores.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown, display
from skimage import data

import facekit
from facekit.backbones.synthparse.network import ParserSize, new_model
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.data.datasets import GeneratedParsing, ParsingSet, crops, mix, split
from facekit.labels import LAPA_11, SYNTHPARSE_11
from facekit.backbones.synthparse.config import MODELS
from facekit.results import Segmentation
from facekit.tasks import SegmentationTask
from facekit.augmentation.in_the_wild import WildAugmentation

folder = Path(tempfile.mkdtemp())
SIDE = 96  # px; the paper's: 128
CLASSES = SYNTHPARSE_11.classes


def show(rows, width=1.45):
    """Rows of images; rows: {title: images}."""
    columns = max(len(images) for images in rows.values())
    size = ((columns + 0.75) * width, len(rows) * width * 1.03)
    figure, axes = plt.subplots(len(rows), columns, figsize=size, squeeze=False)
    for line, (title, images) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image)
        line[0].text(-0.08, 0.5, title, transform=line[0].transAxes, ha="right", va="center", fontsize=10)
    figure.subplots_adjust(0.75 / (columns + 0.75), 0, 1, 1, 0.03, 0.03)
    plt.show()


def table(head, *rows):
    cells = [[f"{c:.2f}" if isinstance(c, float) else str(c) for c in row] for row in (head, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    display(Markdown("\n".join([lines[0], "|---|" + "---:|" * (len(head) - 1), *lines[1:]])))


def crops_of(faces):
    """Squares around the faces of a mix: images and masks. Each source by itself, for `crops` refuses sources that
    mean different things by the same number, as a rule rightly; but here that is what we study."""
    parts = [crops(ParsingSet(faces.sources, [p for p in faces.pairs if p[0] == name]), SIDE) for name in faces.counts]
    return tuple(sum(lists, []) for lists in zip(*parts, strict=True))


def painted(images, masks):
    return [Segmentation(m, SYNTHPARSE_11, p).draw() for p, m in zip(images, masks, strict=True)]


# %% [markdown]
# ## 1 · Data (section 3.1.2)
#
# The paper trains on *Face Synthetics* (rendered by Microsoft), and on *Helen* and *LaPa* (photos). It tests on *iBugMask*, photos of any pose
# "in the wild". All masks are converted to the same **eleven classes**. facekit reads all four (`facekit.data.datasets.lapa_faces(folder)`
# and others). Here three generated sources replace them, so that nothing is downloaded:
#
# | here | replaces | how it is generated | its masks |
# |---|---|---|---|
# | synthetic | Face Synthetics | `"studio"`: clean light, any pose | exact; neck and ears are skin |
# | real | LaPa | `"wild"`: cameras, backgrounds, other people; mostly frontal | as annotators draw: inexact borders, thin parts missing, skin ends at the chin (ears are ignored) |
# | target | iBugMask | `"wild"`, any pose, other people | as annotators draw, like the real ones |
#
# The last column is the reason for the label adapter: two data sets may label the same neck differently. A better parser cannot change that.

# %%
turned = dict(yaw=(-50, 50), pitch=(-15, 15), roll=(-15, 15))
frontal = dict(yaw=(-25, 25), pitch=(-15, 15), roll=(-15, 15))
FACES, VALIDATION, LEARNED, UNSEEN = 100, 25, 80, 50
sources = {
    "synthetic": GeneratedParsing(FACES + VALIDATION, "studio", seed=51, side=SIDE, **turned),
    "real": GeneratedParsing(FACES + VALIDATION, "wild", seed=52, side=SIDE, labels=LAPA_11, **frontal),
}
target = GeneratedParsing(LEARNED + UNSEEN, "wild", seed=53, side=SIDE, labels=LAPA_11, **turned)
target_images, target_masks = crops(target, SIDE)  # squares around the faces: images (96,96,3), masks (96,96)
learned, unseen = slice(0, LEARNED), slice(LEARNED, None)
print(", ".join(f"{i} {name}" for i, name in enumerate(CLASSES)), "and 255 for pixels that do not count")

# %% [markdown]
# `mix` takes as many faces from each source as the shares say. `split` divides them into training faces and validation faces; the latter choose
# the best epoch (the paper: 2,000 and 230; here: 100 and 25). With the same seed, a larger share of a source contains the faces of a smaller
# one, so that mixes can be compared.

# %%
shares = {"synthetic": {"synthetic": 1.0}, "real": {"real": 1.0}, "mixed": {"synthetic": 0.5, "real": 0.5}}
sets = {}
for name, parts in shares.items():
    train, validation, _ = split(mix(parts, FACES + VALIDATION, sources), FACES, VALIDATION, 0)
    print(f"{name:10s}", train, "to learn from,", validation, "to choose by")
    sets[name] = crops_of(train), crops_of(validation)

rows = {name: painted(*(part[:6] for part in sets[name][0])) for name in ("synthetic", "real")}
show(rows | {"target": painted(target_images[:6], target_masks[:6])}, width=1.85)

# %% [markdown]
# Compare the necks. Then compare the borders: those of the synthetic row are exact to the pixel.
#
# **Augmentation** (list 3 of section 3.1.2). Each time, the network gets another view of a face. The view is rotated (±18°, always), with a
# random perspective (probability ½) and noise (1/5). Its light (CLAHE, brightness or gamma, 9/10), sharpness (9/10) and colour (contrast or
# hue, 9/10) change. The mask is transformed in the same way. Pixels from outside the image are 255, and white below. So is this beard, which is
# none of the eleven classes. Images are not mirrored, because left and right are different classes.

# %%
augment = WildAugmentation()
(face,), (mask,) = crops([sources["synthetic"][3]], 128, margin=1.3)
views = [augment(face, mask, seed) for seed in range(8)]
print({name: getattr(augment, name) for name in ("rotate", "perspective", "photometric")})
colours = np.array([*SYNTHPARSE_11.palette, *[(255, 255, 255)] * (256 - len(CLASSES))], np.uint8)
show({"eight views": [image for image, _ in views], "their masks": [colours[ids] for _, ids in views]})

# %% [markdown]
# ## 2 · Loss (section 3.1.3)
#
# **Sigmoid cross-entropy** treats each class as a separate yes-or-no decision for every pixel: "is this nose?", "is this hair?". With softmax
# the classes would exclude each other. An eye has less than half a percent of the pixels, and skin more than a third. So the classes have
# **weights**: 1 minus the class's share of all pixels.

# %%
masks = torch.from_numpy(np.stack(sets["mixed"][0][1]))
weights = SegmentationTask(SYNTHPARSE_11, "sigmoid").class_weights(masks)
area = torch.bincount(masks.flatten(), minlength=256)[: len(CLASSES)].float()
rows = zip(CLASSES, 100 * area / area.sum(), weights, strict=True)
table(["class", "share of the pixels %", "weight"], *([n, float(a), float(w)] for n, a, w in rows))

# %% [markdown]
# So the weights reduce the background and the skin a little, and raise nothing: an eye counts 1, the background some 0.6. The small parts remain
# the most difficult ones.
#
# ## 3 · Four models and their first weights (section 3.1.1)
#
# The paper compares four networks, three of them on a ResNet101. The smallest was the best (Table 8).

# %%
rows = []
for name, parts in MODELS.items():
    with torch.device("meta"):  # counts only, no memory
        network = new_model(ParserSize(**parts), len(CLASSES))
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    rows.append([f'`recipe="paper-{name}"`', parts["decoder"], parts["encoder"], millions])
table(["recipe", "decoder", "encoder", "million parameters"], *rows)

# %% [markdown]
# All four start from an encoder pretrained on ImageNet. That file may not be on your machine, and nothing is downloaded here.
# (`weights="imagenet"` would download it. `weights="auto"` takes it if it is there, and else says that it starts from random numbers.) From
# random numbers, eyes and brows need more steps than a notebook has time for.
#
# So the package's **ready parser** replaces ImageNet here. It is a UNet on MobileNetV2 as in the paper, with a narrower decoder.
# `weights="embedded"` takes its encoder and decoder. `start="embedded"` takes the last layer, too: each of our eleven classes starts as those
# of its nineteen that cover most of it.
#
# The ready parser was trained on generated *and* real faces (its [card](../facekit/zoo/weights/parsing.md) lists them). So all three parsers below
# are already pretrained on faces, and differ less in the end than the paper's. Nobody in this notebook was in its training.

# %%
ready = facekit.load_backbone("synthparse", weights="embedded")
print(ready.size)
settings = dict(backbone="synthparse", names=SYNTHPARSE_11, input_size=SIDE, batch_size=8, bfloat16=True)
settings |= dict(weights="embedded", start="embedded", decoder_channels=ready.size.decoder_channels)
maps = ready.features(torch.rand(1, 3, SIDE, SIDE))
print("the encoder's maps of one image:", ", ".join("x".join(map(str, m.shape[1:])) for m in maps))

# %% [markdown]
# ## 4 · Three parsers (sections 3.1.3 and 3.1.4)
#
# Now the paper's recipe: sigmoid loss, NAdam and the augmentations of section 1. With `validation=` the weights of the **best epoch** are kept.
# The paper trains for 30 epochs of 84 batches of 24. We make 100 steps of 8. The decoder has a higher learning rate, and all rates decrease
# towards the end (`cosine`). Every setting of a recipe can be overridden by name.

# %%
parsers, curves = {}, {}
for name, (train, validation) in sets.items():
    curve = curves[name] = []

    def note(done, total, values, curve=curve):
        if "validation" in values:
            curve.append((done, values["validation"]))

    parsers[name] = facekit.adapt(
        *train,
        "segmentation",
        recipe="paper-mobilenet_v2",
        **settings,
        steps=100,
        lr=2e-3,
        tower_lr=2e-4,
        cosine=True,
        validation=validation,
        progress=note,
    )
for name, curve in curves.items():
    plt.plot(*np.transpose(curve), marker="o", markersize=4, label=name)
plt.gcf().set_size_inches(6, 2.4)
plt.xlabel("step"), plt.ylabel("mean IoU, %"), plt.legend(), plt.title("On validation faces of their own kind")
plt.show()


# %% [markdown]
# **On their own kind of faces** and **in the wild** (section 4.1). F1 is the field's score for parsing: how well the predicted and the true area
# of a class overlap, 0 to 1. On the left, each parser is scored on validation faces of its own kind. On the right, all parsers are scored on
# the same fifty faces of the target. These are the **unadapted** scores, without an adapter.

# %%
def f1_of(model, images, masks):
    """F1 of each class but the background, and their mean, as Table 7 counts: NaN is 0."""
    scores = facekit.evaluate(model, images, masks)
    own_names = model.task.labels.classes  # LaPa's "skin" is id 1 as well
    each = {n: float(np.nan_to_num(scores[f"f1_{o}"])) / 100 for n, o in zip(CLASSES[1:], own_names[1:], strict=True)}
    return {**each, "mean": float(np.mean(list(each.values())))}


goal = target_images[unseen], target_masks[unseen]
own = {name: f1_of(model, *sets[name][1]) for name, model in parsers.items()}
unadapted = {name: f1_of(model, *goal) for name, model in parsers.items()}
head = ["trained on", "own kind: skin", "own kind: mean", "target: skin", "target: mean"]
table(head, *([n, own[n]["skin_ears_neck"], own[n]["mean"], s["skin_ears_neck"], s["mean"]] for n, s in unadapted.items()))

best = max(unadapted, key=lambda name: unadapted[name]["mean"])
lost = {name: own[name]["mean"] - unadapted[name]["mean"] for name in unadapted}
print(f"Best on the target before adaptation, in this run: {best}.")
print("Lost on the way from the own kind to the target:", ", ".join(f"{n} {x:+.2f}" for n, x in lost.items()))

# %% [markdown]
# The scores on their own kind cannot be compared with each other, because each is of another test set. The skin column on the right includes
# the neck. A parser that was trained on exact masks labels the neck as skin. The target's annotators do not, and every such pixel counts as an
# error.
#
# ## 5 · The label adapter (sections 2.2 and 3.2)
#
# The parser stays frozen. It predicts masks of labelled faces of the target (here eighty, none of which is scored). A second UNet learns to turn
# **these masks** into **those of the annotators**. The adapter's input is class ids, not the image. The result of the new model holds both
# masks: `result` is the adapter's, `result.unadapted` the parser's.

# %%
small = dict(encoder="tu-mobilenetv3_small_050", decoder_channels=(48, 32, 24, 16, 16))  # label maps need less
how = dict(**small, weights="none", steps=150, batch_size=12, lr=2e-3, seed=0, progress=False)
lesson = target_images[learned], target_masks[learned]
adapted = {name: facekit.adapt_labels(parser, *lesson, names=LAPA_11, **how) for name, parser in parsers.items()}
results = facekit.predict(adapted["synthetic"], goal[0][:8])
show(
    {
        "image": goal[0][:8],
        "parser\n(synthetic)": [result.unadapted.draw() for result in results],
        "adapter": [result.draw() for result in results],
        "truth": painted(goal[0][:8], goal[1][:8]),
    }
)

# %% [markdown]
# **Table 7.** Each parser before and after adaptation, F1 of each class on the target. *Net adaptation* is the difference of the means. In the
# paper it is +0.114 for synthetic, +0.018 for mixed, and -0.084 for Helen. For LaPa it is +0.024 as printed, but -0.038 by the means beside it.
# So an adapter can also lower the score.

# %%
after = {name: f1_of(model, *goal) for name, model in adapted.items()}
short = {"left": "L", "right": "R", "upper": "U", "lower": "L", "inner": "I", "skin": "skin"}
names = ["skin" if n.startswith("skin") else " ".join(short.get(w, w) for w in n.split("_")) for n in CLASSES[1:]]
rows = []
for name in parsers:
    net = after[name]["mean"] - unadapted[name]["mean"]
    rows.append([name, *unadapted[name].values(), ""])
    rows.append(["... label adapted", *after[name].values(), f"{net:+.2f}"])
table(["trained on", *names, "mean", "net adaptation"], *rows)

order = sorted(after, key=lambda name: -after[name]["mean"])
print("After adaptation, in this run, best first:", ", ".join(f"{name} {after[name]['mean']:.2f}" for name in order))
gains = {n: {c: after[n][c] - unadapted[n][c] for c in CLASSES[1:]} for n in parsers}
for name, gain in gains.items():
    most, least = max(gain, key=gain.get), min(gain, key=gain.get)
    print(f"{name}: gained most in {most} ({gain[most]:+.2f}), least in {least} ({gain[least]:+.2f})")

# %% [markdown]
# How to read it: a gain in *skin* is mostly the neck, which the adapter learned to remove. Where the necks agree already (real), the gain is
# small. A loss in a small class (brows, eyes, lips) means that the adapter has overfitted to its eighty faces. The paper has such losses after
# full training: the adapters of the LaPa parsers never predict the left eye (NaN in Table 7). So compare with `unadapted`, and take the better
# mask.
#
# **What is the adapter's input?** The paper's code uses the ids as grey levels (`reads="ids"`), so that nose (6) is closer to the upper lip (7)
# than to skin (1). facekit's default is one channel per class (`"onehot"`). It starts as the relabelling that the masks of the annotators show.
# One line compares the two:

# %%
as_ids = f1_of(facekit.adapt_labels(parsers["synthetic"], *lesson, names=LAPA_11, reads="ids", **how), *goal)["mean"]
print(f"adapted synthetic parser, mean F1 in this run: onehot {after['synthetic']['mean']:.2f}, ids {as_ids:.2f}")

# %% [markdown]
# ## 6 · In the wild (section 3.3)
#
# So far every image was one cropped face. In a whole photo, faces are found, rotated upright and cropped first. The mask is pasted back into the
# photo. `predict` does all of it. The next cell runs the package's ready parser and our own on a photo (the astronaut Eileen Collins; NASA, public
# domain). Ours started from the ready parser and was then trained on generated faces only. Its new errors come from the domain gap.

# %%
photo = data.astronaut()
ready = facekit.predict("segmentation", photo)
ours = facekit.predict(adapted["mixed"], photo, align="landmarks")  # framed as our crops are
print(ready)
print(ours)
near = slice(25, 235), slice(115, 325)  # the face
drawings = {"the photo, ready parser": ready.show(legend=True), "the face, ready parser": ready.draw()[near]}
if ready[0].unadapted is not None:
    drawings["... without its adapter"] = ready[0].unadapted.draw()[near]
drawings["ours: mixed, adapted"] = ours.draw()[near]
figure, axes = plt.subplots(1, len(drawings), figsize=(13, 4.4), width_ratios=(1.4, *[1] * (len(drawings) - 1)))
for axis, (title, drawing) in zip(axes, drawings.items(), strict=True):
    axis.imshow(drawing), axis.set_axis_off(), axis.set_title(title)
figure.tight_layout()
plt.show()

# %% [markdown]
# **Several faces.** `predict` then returns a list of results, which is drawn as one image. We paste three generated people in front of a wall. Every
# face that is found is parsed.

# %%
people = GeneratedFaces(seed=78, size=300, framing=2.2, yaw=(-20, 20), pitch=(-8, 8), roll=(-8, 8))
group = people.batch(range(3), want=("image", "mask"))
wall = np.linspace([205, 214, 220], [150, 158, 170], 380)[:, None]
scene = np.repeat(wall, 780, 1).astype(np.uint8)
for i, (drawn, ids) in enumerate(zip(group["image"].permute(0, 2, 3, 1).numpy(), group["mask"].numpy(), strict=True)):
    place = scene[80:, 240 * i : 240 * i + 300]
    place[ids > 0] = drawn[ids > 0]

faces = facekit.predict("segmentation", scene)
print(f"{len(faces)} of 3 faces found; boxes:", [tuple(round(v) for v in face.box) for face in faces])
display(faces.show(legend=True))

# %% [markdown]
# If faces are missed, `faces=[(x0, y0, x1, y1), ...]` takes boxes of your own, and `align="haar"` searches as the paper does (one cascade after
# another).
#
# ## 7 · Save the model
#
# One file holds parser and adapter. Nothing in it is executed when it is loaded. `model.export_onnx("parser.onnx")` (with the optional part `onnx`)
# writes both as one network for other programs. Its input is images, and its output is the adapter's maps.

# %%
file = folder / "mixed.facekit"
adapted["mixed"].save(file)
again = facekit.load(file)
image = goal[0][0]
one, other = facekit.predict(adapted["mixed"], image), facekit.predict(again, image)
same = np.array_equal(one.mask, other.mask) and np.array_equal(one.unadapted.mask, other.unadapted.mask)
one.save_mask(folder / "parts.png")  # class ids in a palette PNG
print(f"{file.name}: {file.stat().st_size / 1e6:.0f} MB; the same masks after loading: {same}")

# %% [markdown]
# ## 8 · What this small run cannot show
#
# - **The paper's answer.** Whether generated faces can replace photos is a question about photos. Our "real" faces come from the same renderer as the
#   synthetic ones: the gap between them is smaller than the gap to photos.
# - **ImageNet.** Our three parsers start from one that was trained on generated and real faces, the paper's from ImageNet's weights. So ours are more
#   alike from the beginning.
# - **An order of the three.** A hundred faces, one draw, one seed, fifty test faces. Differences of a few hundredths in the mean change with the seed.
# - **The small parts.** With a new loss the parsers first lose eyes, brows and the inner mouth, and learn them again last. All trainings stop early.
#   So the mean above depends on *when* these parts are learned. The skin column depends more on labels.
# - **The size.** 96 px instead of 128; a hundred faces and half a minute of training instead of 2,000 faces and 30 epochs.
# - **Four architectures, six mixing ratios** (Tables 7 and 8, Figure 6): `facekit reproduce synthparse/table7` and `synthparse/figure6` run them and
#   continue a stopped run. They use generated faces with real photos as the target, or the paper's own data sets if you have them.
#
# Exercises; predict the result of each before you run it:
#
# 1. Mix 0.8 synthetic with 0.2 real in section 1. Which column of the table changes first?
# 2. Give the target `labels=SYNTHPARSE_11` (and leave out `names=LAPA_11`): its annotators then outline necks, too. What is left for the adapter
#    to learn?
# 3. Train the adapter on ten faces instead of eighty. Which classes get worse?
# 4. `facekit demo` has a tab *In the wild*: your own photos, several faces at once.
