"""``proofbook audit``: receipts, inclusion files and contradictions, checked with proofs and a public key alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from proofbook import console
from proofbook._core import Receipt
from proofbook.console import EXIT_CHECK_FAILED, EXIT_UNDECIDED
from proofbook.errors import ContradictedError, InputError, ProofError, UndecidedError
from proofbook.receipt_commands import Account, Depths, Json, Levels, Orders, ReceiptFile, parse_pair, read_receipt

Values = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(audit)


def audit(
    receipt: ReceiptFile = None,
    sequence: Annotated[int | None, typer.Option("--sequence", help="Which receipt of a file of many.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="The operator's public key: hexadecimal, or its file.")
    ] = None,
    proofs: Annotated[Path | None, typer.Option("--proofs", help="The folder with the proofs.")] = None,
    shown: Annotated[
        list[Path] | None,
        typer.Option("--inclusion", help="What the operator shows; else every *.inclusion beside the proofs."),
    ] = None,
    from_genesis: Annotated[
        Path | None,
        typer.Option(
            "--from-genesis", metavar="MARKET", help="Insist that the proofs begin at this market's empty state."
        ),
    ] = None,
    contradiction: Annotated[Path | None, typer.Option("--contradiction", help="Check a contradiction anew.")] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="With --receipt: another receipt of the same sequence.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where a contradiction goes; else beside the receipt.")
    ] = None,
    order: Orders = None,
    level: Levels = None,
    depth: Depths = None,
    fills: Account = None,
    as_json: Json = False,
) -> None:
    """Check a receipt, an inclusion file or a contradiction; exit code 0 holds, 1 does not, 4 cannot be decided."""
    public_key = None if key is None else _public_key(key)
    try:
        if contradiction is not None:
            result = _contradiction(contradiction, _needed(public_key, "--key"), proofs, from_genesis)
        elif receipt is not None and against is not None:
            pair = (receipt.read_bytes(), against.read_bytes())
            where = output or receipt.with_suffix(".contradiction")
            result = _against(pair, _needed(public_key, "--key"), where)
        elif receipt is not None:
            found = read_receipt(receipt, sequence)
            where = output or receipt.with_name(f"{found.market}-{found.sequence}.contradiction")
            result = _receipt(
                found, _needed(public_key, "--key"), _needed(proofs, "--proofs"), shown, from_genesis, where
            )
        else:
            folder = _needed(proofs, "--receipt, --contradiction, or --inclusion with --proofs")
            result = _inclusion(folder, shown or [], from_genesis, order or [], level or [], depth or [], fills)
    except UndecidedError as error:
        result = {"verdict": "undecided", "text": str(error), "code": EXIT_UNDECIDED}
    except ProofError as error:
        result = {"verdict": "refused", "text": str(error), "code": EXIT_CHECK_FAILED}
    code = result.pop("code")
    if as_json:
        console.print_json(result)
    _print(result, code, as_json)
    if code:
        raise typer.Exit(code)


def _print(result: Values, code: int, as_json: bool) -> None:
    """The sentences of a result: on standard error where it is not good."""
    to = console.err if code else console.out
    if as_json and not code:
        return
    prefix = {EXIT_CHECK_FAILED: "failed: ", EXIT_UNDECIDED: "undecided: "}.get(code, "")
    to.print(f"{prefix}{result['text']}", markup=False, soft_wrap=True)
    for line in result.get("lines", []):
        to.print(f"  {line}", markup=False, soft_wrap=True)


def _needed(value: Any, option: str) -> Any:
    if value is None:
        raise InputError(f"expected {option}; received nothing")
    return value


def _public_key(text: str) -> str:
    path = Path(text)
    return path.read_text().strip() if path.is_file() else text


def _start(from_genesis: Path | None) -> bytes | None:
    from proofbook._core import market_config

    return None if from_genesis is None else market_config(from_genesis)


def _receipt(
    receipt: Receipt, key: str, proofs: Path, shown: list[Path] | None, from_genesis: Path | None, where: Path
) -> Values:
    from proofbook import auditing

    try:
        standing = auditing.audit(receipt, key=key, proofs=proofs, inclusion=shown, start=_start(from_genesis))
    except ContradictedError as error:
        where.write_bytes(error.contradiction)
        text = f"{error} The contradiction is in {where}: `proofbook audit --contradiction` checks it."
        return {
            "verdict": "contradicted",
            "text": text,
            "contradiction": str(where),
            "elsewhere": list(error.elsewhere),
            "code": EXIT_CHECK_FAILED,
        }
    opened = standing.opened
    trust = "" if standing.is_from_genesis else " (the state that the first proof begins in is taken on trust)"
    trust += "" if standing.is_signed else "; no signature says that the batch is the operator's"
    return {
        "verdict": "stands",
        "text": f"market {receipt.market}: the command has sequence {receipt.sequence}, "
        f"position {opened.position} of batch {opened.batch}{trust}",
        "is_signed": standing.is_signed,
        "lines": _lines(opened),
        **_plain(opened),
        "code": 0,
    }


def _against(pair: tuple[bytes, bytes], key: str, where: Path) -> Values:
    """Two receipts of one sequence, or two signed batches of one number."""
    from proofbook import auditing

    evidence = auditing.contradict_pair(*pair, key)
    where.write_bytes(evidence)
    finding = auditing.check_contradiction(evidence, key)
    text = f"{finding.text}. The contradiction is in {where}"
    return {"verdict": "contradicted", "text": text, "contradiction": str(where), "code": EXIT_CHECK_FAILED}


def _contradiction(path: Path, key: str, proofs: Path | None, from_genesis: Path | None) -> Values:
    from proofbook import auditing

    finding = auditing.check_contradiction(path, key)
    result: Values = {"verdict": "contradicted", **asdict(finding), "code": 0}
    if not finding.is_signed:
        if proofs is None:
            raise UndecidedError(f"{finding.text}. With --proofs, it is compared with the operator's proofs")
        chain = auditing.verify_chain_of(proofs, _start(from_genesis))
        if auditing.values_of_contradiction(path.read_bytes()) not in [values.encode() for values in chain]:
            raise UndecidedError(f"{finding.text}, and it is none of the proofs in {proofs}")
        result["text"] += f", and it is one of those in {proofs}"
    return result


def _inclusion(
    proofs: Path,
    shown: list[Path],
    from_genesis: Path | None,
    orders: list[int],
    levels: list[str],
    depth: list[str],
    account: int | None,
) -> Values:
    from proofbook import auditing

    if len(shown) != 1:
        raise InputError(f"expected one --inclusion; received {len(shown)}")
    file = auditing.open_inclusion(shown[0], auditing.verify_chain_of(proofs, _start(from_genesis)))
    last = file.batches[-1]
    result: Values = {"verdict": "holds", "batches": file.batches, "opened": [], "lines": []}
    for batch in file.batches:
        for opened in file.opened(batch) if account is None else []:
            result["opened"].append(_plain(opened))
            result["lines"] += [f"sequence {opened.sequence}, batch {batch}", *_lines(opened)]
    result["orders"] = {order: _order(file, last, order, result["lines"]) for order in orders}
    result["levels"] = {text: _level(file, last, text, result["lines"]) for text in levels}
    result["depth"] = {text: _depth(file, last, text, result["lines"]) for text in depth}
    if account is not None:
        fills, complete = file.fills(account)
        result["fills"], result["complete_batches"] = [asdict(fill) for fill in fills], complete
        result["lines"] += [
            f"{fill.side} {fill.quantity} at {fill.price}, order {fill.order_id}, sequence {fill.sequence}"
            + ("" if fill.is_certain else " (whose order it is is not certain)")
            for fill in fills
        ]
        missing = sorted(set(file.batches) - set(complete))
        result["lines"].append(
            f"there are no others in batches {', '.join(map(str, complete))}" if complete else "there may be others"
        )
        if missing and complete:
            result["lines"].append(f"there may be others in batches {', '.join(map(str, missing))}")
    return {**result, "text": f"{shown[0]} holds, of batches {', '.join(map(str, file.batches))}", "code": 0}


def _order(file: Any, batch: int, order_id: int, lines: list[str]) -> Values | None:
    found = file.order(batch, order_id)
    if found is None:
        lines.append(f"no live order has the id {order_id} after batch {batch}")
        return None
    order = found.order
    lines.append(
        f"order {order_id} rests in {order.queue.name.lower()} at {order.queue_price} with {order.open_quantity} open "
        f"after batch {batch}, {found.orders_ahead} orders with {found.displayed_ahead} ahead of it"
    )
    return {
        "queue": order.queue.name.lower(),
        "price": order.queue_price,
        "open": order.open_quantity,
        "filled": order.filled,
        "account": order.account,
        "orders_ahead": found.orders_ahead,
        "displayed_ahead": found.displayed_ahead,
    }


def _level(file: Any, batch: int, text: str, lines: list[str]) -> Values | None:
    found = file.level(batch, *parse_pair(text, "--level"))
    lines.append(f"{text} after batch {batch}: " + ("nothing" if found is None else _level_line(found)))
    return None if found is None else asdict(found)


def _depth(file: Any, batch: int, text: str, lines: list[str]) -> list[Values]:
    found = file.depth(batch, *parse_pair(text, "--depth"))
    lines += [f"{text} after batch {batch}: {level.price}: {_level_line(level)}" for level in found]
    return [asdict(level) for level in found]


def _level_line(level: Any) -> str:
    hidden = f", {level.hidden} hidden" if level.hidden else ""
    return f"{level.displayed} displayed{hidden}, {level.orders} orders"


def _plain(opened: Any) -> Values:
    """A command and what came of it, for JSON."""
    return {
        "batch": opened.batch,
        "position": opened.position,
        "sequence": opened.sequence,
        "command": _terms(opened.command),
        "events": [_terms(event) for event in opened.events],
        "outcome": asdict(opened.outcome),
    }


def _terms(value: Any) -> Values:
    """The terms that a command or an event has, codes by their names."""
    return {
        name: getattr(term, "name", str(term)).lower() if hasattr(term, "name") else term
        for name, term in vars(value).items()
        if term is not None and term is not False
    }


def _lines(opened: Any) -> list[str]:
    """A command, what became of it, and its events, a line each."""

    def line(value: Any) -> str:
        terms = _terms(value)
        kind = terms.pop("action", None) or terms.pop("kind")
        return f"{kind} " + ", ".join(f"{name.replace('_', ' ')} {term}" for name, term in terms.items())

    outcome = opened.outcome
    became = outcome.name + (
        f" ({outcome.rejected or outcome.cancelled})" if outcome.rejected or outcome.cancelled else ""
    )
    if outcome.fills:
        became += f", {outcome.filled} filled in {outcome.fills} trades"
    if outcome.open:
        became += f", {outcome.open} open"
    return [line(opened.command), f"became: {became}", *(f"event: {line(event)}" for event in opened.events)]
