"""What is kept of rules on disk: given back as it was, never needed, never taken from where others may write."""

import sqlite3
from pathlib import Path

import pytest

from services.detections.application.rule_cache import FILE, RuleCache
from services.detections.domain.sigma import ir
from services.detections.domain.sigma.compiler import compile_rule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import Route
from services.detections.domain.sigma.packs import compile_pack

ROUTE = Route("windows", frozenset({"process_creation"}), frozenset({"sysmon"}))
MANY = "".join(f"            - 'word{number}'\n" for number in range(20))
RULE = f"""
title: Many words
id: 11111111-2222-4333-8444-555555555555
logsource: {{category: process_creation}}
detection:
    one:
        CommandLine|contains:
{MANY}    two:
        CommandLine|re:
            - 'a+b'
            - '[0-9]{{3}}z'
    three:
        Image|endswith|cased: '.exe'
        User: null
    condition: one or (two and not three)
level: high
tags: [attack.t1059]
""".encode()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_kept_rule_is_the_rule_that_was_compiled(directory: Path) -> None:
    rule = compile_rule(RULE)
    first = RuleCache(directory)
    assert first.rule(rule.sha256) is None
    first.keep_rules([rule])
    first.close()
    assert RuleCache(directory).rule(rule.sha256) == rule


def test_every_published_rule_is_kept_as_it_was_compiled(shared_data: Path) -> None:
    for rule in compile_pack((shared_data / "sigma" / "rules.zip").read_bytes()).rules[::5]:
        assert ir.decode(ir.encode(rule)) == rule


def test_databases_that_were_kept_find_what_those_made_anew_find(directory: Path) -> None:
    rule = compile_rule(RULE)
    records = [{"CommandLine": text} for text in ("x word7 y", "aab", "12z", "123z", "WORD19", "word", "")]
    wanted = [bool(Engine([rule]).match(ROUTE, fields)) for fields in records]
    assert wanted == [True, True, False, True, True, False, False]
    for _ in range(2):
        cache = RuleCache(directory)
        engine = Engine([rule], keeper=cache)
        assert [bool(engine.match(ROUTE, fields)) for fields in records] == wanted
        cache.close()
    with sqlite3.connect(directory / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone()[0] >= 1


@pytest.mark.parametrize("damage", ["torn", "no rule", "no database"])
def test_what_is_damaged_is_made_anew(directory: Path, damage: str) -> None:
    rule = compile_rule(RULE)
    cache = RuleCache(directory)
    cache.keep_rules([rule])
    assert Engine([rule], keeper=cache).match(ROUTE, {"CommandLine": "word3"})
    cache.close()
    if damage == "no rule":
        cache = RuleCache(directory)
        cache.put(ir.key_of(rule.sha256), b'["x"]')
        assert cache.rule(rule.sha256) is None
    elif damage == "torn":
        with sqlite3.connect(directory / FILE) as connection:
            connection.execute("UPDATE kept SET value = substr(value, 1, length(value) - 1)")
        cache = RuleCache(directory)
        assert cache.rule(rule.sha256) is None
    else:
        (directory / FILE).write_bytes(b"no database" * 1_000)
        cache = RuleCache(directory)
        cache.keep_rules([rule])
        assert cache.rule(rule.sha256) is None
    assert Engine([rule], keeper=cache).match(ROUTE, {"CommandLine": "word3"})


def test_a_directory_that_others_may_write_to_is_not_used(directory: Path) -> None:
    rule = compile_rule(RULE)
    cache = RuleCache(directory)
    cache.keep_rules([rule])
    cache.close()
    directory.chmod(0o777)
    assert RuleCache(directory).rule(rule.sha256) is None
    directory.chmod(0o700)
    link = directory.with_name("link")
    link.symlink_to(directory)
    assert RuleCache(link).rule(rule.sha256) is None


def test_a_full_cache_starts_over(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.detections.application.rule_cache.MAX_RULE_CACHE_BYTES", 1_000)
    cache = RuleCache(directory)
    cache.put("first", b"x" * 600)
    cache.put("second", b"y" * 600)
    assert cache.get("first") is None
    assert cache.get("second") == b"y" * 600
