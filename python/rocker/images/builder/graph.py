"""Which stages there are, what each is made from, and which of them a target needs."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError
from rocker.images.builder.dockerfile import Stage, parse_trigger
from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.instructions import Copy, OnBuild, Run
from rocker.images.builder.platform import parse_platform
from rocker.images.builder.run_mount import check_mount
from rocker.images.builder.suggest import did_you_mean, nearest
from rocker.images.builder.words import expand
from rocker.parse.number import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from rocker.images.builder.dockerfile import Dockerfile
    from rocker.images.builder.instructions import From, Instruction
    from rocker.images.builder.platform import Platform
    from rocker.images.builder.scope import Arguments
    from rocker.images.builder.words import Expansion

SCRATCH = "scratch"


class Need:
    """What one instruction takes files from.

    Attributes:
        instruction: the `COPY`, or the `RUN` with the mount.
        name: as written.
        node: the stage, or None: then it is an image or a named context.
    """

    __slots__ = ("instruction", "name", "node")

    def __init__(self, instruction: Instruction, name: str, node: Node | None) -> None:
        self.instruction = instruction
        self.name = name
        self.node = node


class Node:
    """One stage among the others.

    Attributes:
        stage: as parsed.
        image: what it begins with: an image, `scratch` or, with `base`, a stage's name; variables expanded.
        base: the stage that it begins with, or None.
        platform: of its `FROM`, or None.
        context: whether a named context stands in for it: then nothing of it is built.
        instructions: triggers of the base, and its own.
        needs: what they take files from.
    """

    def __init__(self, stage: Stage, image: str, base: Node | None, platform: Platform | None) -> None:
        self.stage = stage
        self.image = image
        self.base = base
        self.platform = platform
        self.context = False
        self.instructions: tuple[Instruction, ...] = stage.instructions
        self.needs: list[Need] = []

    def __repr__(self) -> str:
        return f"Node({self.stage.label})"

    def check_order(self, need: Need, target: str = "") -> None:
        """Refuse a need of a stage that does not come before this one; `target` is a mount's, for the message.

        Raises:
            DockerfileError: it does not.
        """
        if need.node is None or need.node.stage.index < self.stage.index:
            return
        if isinstance(need.instruction, Copy):
            message = (
                f"cannot copy from stage {quote(need.name)}, it needs to be defined before "
                f"current stage {quote(self.stage.label)}"
            )
        else:
            to = f" to {quote(target)}" if target else ""
            message = (
                f"cannot mount from stage {quote(need.name)}{to}, "
                "stage needs to be defined before current command"
            )
        origin = need.instruction.origin
        raise DockerfileError(message, start=origin.start, end=origin.end, text=origin.text)


class StageGraph:
    """The stages of a Dockerfile.

    Args:
        dockerfile: as parsed.
        arguments: values for `FROM` lines.
        target: `--target`: a stage by name or number; "" for the last one.
        contexts: names of `--build-context`; one that is a stage's stands in for that.
        watch: is shown each `FROM` before it is read.

    Attributes:
        nodes: all stages, in order.
        target: the one to be built.

    Raises:
        DockerfileError: a base is blank, a platform wrong, there is no such target, a stage's number is too high, or
            stages need each other.
    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        arguments: Arguments,
        target: str = "",
        *,
        contexts: Collection[str] = (),
        watch: Callable[[From], None] | None = None,
    ) -> None:
        self._escape = dockerfile.escape
        self._arguments = arguments
        self._named: dict[str, Node] = {}
        self.nodes: list[Node] = []
        for stage in dockerfile.stages:
            if watch is not None:
                watch(stage.head)
            node = self._node(stage)
            node.context = bool(stage.head.name) and stage.head.name in contexts
            if node.context:
                node.base = None
            self.nodes.append(node)
            if stage.head.name:
                self._named[stage.head.name] = node
        self.target = self._target(target)
        for node in self.nodes:
            if not node.context:
                node.needs = self._needs(node.instructions)
        self._refuse_circles()

    def _node(self, stage: Stage) -> Node:
        head = stage.head
        try:
            image = self._image(head)
            return Node(stage, image, self._named.get(image), self._platform(head))
        except DockerfileError as error:
            raise error.at(head.origin.start, head.origin.end, head.origin.text) from None

    def _image(self, head: From) -> str:
        image = self._expand(head.base).text
        if not image:
            raise DockerfileError(f"base name ({head.base}) should not be blank")
        return image

    def _expand(self, word: str) -> Expansion:
        return expand(word, self._arguments.values, escape=self._escape)

    def _platform(self, head: From) -> Platform | None:
        if not head.platform:
            return None
        found = self._expand(head.platform)
        known = tuple(self._arguments.values)
        suggestion = next((near for name in found.unmatched if (near := nearest(name, known))), "")
        meant = f" (did you mean {suggestion}?)" if suggestion else ""
        if not found.text:
            raise DockerfileError(f"empty platform value from expression {head.platform}{meant}")
        try:
            return parse_platform(found.text)
        except DockerfileError as error:
            raise DockerfileError(
                f"failed to parse platform {head.platform}: {error.reason}{meant}"
            ) from None

    def _needs(self, instructions: Iterable[Instruction]) -> list[Need]:
        needs: list[Need] = []
        for instruction in instructions:
            origin = instruction.origin
            try:
                if isinstance(instruction, Copy) and instruction.stage:
                    needs.append(Need(instruction, instruction.stage, self._source(instruction.stage)))
                elif isinstance(instruction, Run):
                    names = [name for mount in instruction.mounts if (name := check_mount(mount))]
                    needs += [Need(instruction, name, self._named.get(name.lower())) for name in names]
            except DockerfileError as error:
                raise error.at(origin.start, origin.end, origin.text) from None
        return needs

    def _source(self, name: str) -> Node | None:
        """The stage that `COPY --from` names, by name or number."""
        if expand(name, {}, escape=self._escape).text != name:
            raise DockerfileError(
                "variable expansion is not supported for --from, "
                "define a new stage with FROM using ARG from global scope as a workaround"
            )
        number = _number(name)
        if number is None:
            return self._named.get(name.lower())
        if not 0 <= number < len(self.nodes):
            raise DockerfileError(f"invalid stage index {number}")
        return self.nodes[number]

    def _refuse_circles(self) -> None:
        done: set[Node] = set()
        for node in self.nodes:
            if (circle := _circle(node, done)) is not None:
                origin = circle[0].origin
                raise DockerfileError(
                    f"circular dependency detected on stage: {node.stage.label}",
                    start=min(instruction.origin.start for instruction in circle),
                    end=max(instruction.origin.end for instruction in circle),
                    text=origin.text,
                )

    def _target(self, name: str) -> Node:
        if not name:
            return self.nodes[-1]
        node = self._named.get(name.lower())
        if node is None and (number := _number(name)) is not None and 0 <= number < len(self.nodes):
            node = self.nodes[number]
        if node is None:
            suggestion = did_you_mean(name, [known.stage.label for known in self.nodes])
            raise DockerfileError(f"target stage {quote(name)} could not be found{suggestion}")
        return node

    def reachable(self) -> list[Node]:
        """The stages that the target is made from, and the target, in the order of the Dockerfile."""
        found: dict[Node, None] = {}
        waiting = [self.target]
        while waiting:
            node = waiting.pop()
            if node in found:
                continue
            found[node] = None
            waiting += [node.base] if node.base else []
            waiting += [need.node for need in node.needs if need.node is not None]
        return sorted(found, key=lambda node: node.stage.index)

    def needed(self) -> list[Node]:
        """The same, and each of them needs only what comes before it.

        Raises:
            DockerfileError: one needs a stage that comes after it.
        """
        nodes = self.reachable()
        for node in nodes:
            for need in node.needs:
                node.check_order(need)
        return nodes

    def check_images(self) -> None:
        """Refuse what can be no image: also in stages that are not needed, as BuildKit does.

        Raises:
            DockerfileError: a name is wrong.
        """
        for node in self.nodes:
            if node.base is None and not node.context:
                _check_image(node.image, node.stage.head)
        for node in self.nodes:
            for need in node.needs:
                if need.node is None:
                    _check_image(need.name, need.instruction)

    def trigger(self, node: Node, triggers: Sequence[str] = ()) -> bool:
        """Put the triggers of a stage's base before its own instructions.

        Args:
            node: the stage; once for each.
            triggers: `OnBuild` of its base image; those of a base stage are known.

        Returns:
            Whether it needs more than before.

        Raises:
            DockerfileError: a trigger is wrong; its place is that of the stage's `FROM`.
        """
        texts = list(triggers)
        if node.base is not None:
            texts += [one.instruction for one in node.base.instructions if isinstance(one, OnBuild)]
        instructions = tuple(parse_trigger(text, node.stage.head) for text in texts)
        needs = self._needs(instructions)
        node.instructions = (*instructions, *node.instructions)
        node.needs = [*needs, *node.needs]
        if needs:
            self._refuse_circles()
        return bool(needs)


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:  # noqa: PLR2004 -- surely an int64
        return None
    return int(text)


def _check_image(name: str, instruction: Instruction) -> None:
    from rocker.images.reference import Reference

    try:
        if name != SCRATCH:
            Reference.parse(name)
    except InvalidArgumentError as error:
        wrong = DockerfileError(f"failed to parse stage name {quote(name)}: {error.message}")
        origin = instruction.origin
        raise wrong.at(origin.start, origin.end, origin.text) from None


def _circle(start: Node, done: set[Node]) -> list[Instruction] | None:
    """The instructions that lead from a stage to one on the way to it, or None; of any depth."""
    path = [start]
    ways = [iter(start.needs)]
    taken: list[Instruction] = []
    if start in done:
        return None
    done.add(start)
    while ways:
        need = next(ways[-1], None)
        if need is None:
            ways.pop()
            path.pop()
            del taken[-1:]
        elif need.node is not None and need.node in path:
            return [*taken, need.instruction]
        elif need.node is not None and need.node not in done:
            done.add(need.node)
            path.append(need.node)
            ways.append(iter(need.node.needs))
            taken.append(need.instruction)
    return None
