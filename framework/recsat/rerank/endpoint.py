"""A language model behind an OpenAI-compatible address: asked in parallel, within a budget, and never the same thing twice."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Final

from recsat.config.secrets import masked
from recsat.errors import ConfigError, RunError
from recsat.rerank.answers import Answers, answers_folder, key_of

KEY_VARIABLES: Final = ("RECSAT_LLM_KEY", "OPENAI_API_KEY")
LETTERS_A_TOKEN: Final = 4
"""Of English; other languages take up to four times as many tokens as this says."""
_PARALLEL: Final = 8
_AT_ONCE: Final = 256
"""Questions whose answers are written together: what a kill loses at most."""


@dataclass(frozen=True)
class Question:
    """What one request says: who the model is, and what it is asked."""

    system: str
    user: str

    @property
    def n_tokens(self) -> int:
        """About how many go in."""
        return (len(self.system) + len(self.user)) // LETTERS_A_TOKEN + 8


@dataclass(frozen=True)
class Cost:
    """What answers cost at most, where none is known yet."""

    n_requests: int
    tokens_in: int
    tokens_out: int

    def __str__(self) -> str:
        return f"at most {self.n_requests:,} requests, about {self.tokens_in:,} tokens in and {self.tokens_out:,} out"


@dataclass(frozen=True)
class Endpoint:
    """``url`` ends in ``/v1`` with most servers. The key is read from the environment alone: RECSAT_LLM_KEY, or OPENAI_API_KEY.

    ``most_requests`` at most are sent for one call of :meth:`answers`; more are refused before the first is sent.
    """

    url: str
    model: str
    most_requests: int = 1_000
    most_tokens: int = 512
    """Of one answer."""
    timeout_s: float = 60.0
    retries: int = 4
    folder: str | None = None
    """Where answers are kept; None: below home."""
    _answers: Answers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("url must begin with http:// or https://")
        if masked("url", self.url) != self.url:
            raise ValueError(
                f"url {masked('url', self.url)} has a user, a password or a key in it, and messages repeat it: leave that out and set {KEY_VARIABLES[0]}"
            )
        if not self.model:
            raise ValueError("served_model must name a model that the address serves")
        if self.most_requests < 1 or self.most_tokens < 1:
            raise ValueError("most_requests and most_tokens must be at least 1")
        if find_spec("openai") is None:
            raise ConfigError("a language model behind an address needs a client. Run: pip install 'recsat[llm]'")
        object.__setattr__(self, "_answers", Answers(answers_folder(self.folder)))

    def cost(self, questions: Sequence[Question]) -> Cost:
        """Of those whose answers are not there yet."""
        known = self._answers.read([self.key(question) for question in questions])
        unknown = {q: None for q in questions if self.key(q) not in known}
        return Cost(len(unknown), sum(q.n_tokens for q in unknown), len(unknown) * self.most_tokens)

    def answers(self, questions: Sequence[Question]) -> list[str]:
        """One for each question, in their order; those that were answered before are read from disk.

        Raises ConfigError where the budget is too small, RunError where the address gives no answer; what was answered until then stays.
        """
        keys = [self.key(question) for question in questions]
        known = self._answers.read(list(dict.fromkeys(keys)))
        unknown = {key: q for key, q in zip(keys, questions, strict=True) if key not in known}
        self.refuse_beyond_budget(len(unknown))
        for part in _parts(list(unknown)):
            with ThreadPoolExecutor(_PARALLEL) as threads:
                answers = list(threads.map(lambda key: self._ask(unknown[key]), part))
            new = dict(zip(part, answers, strict=True))
            self._answers.write(new)
            known |= new
        return [known[key] for key in keys]

    def refuse_beyond_budget(self, n_requests: int) -> None:
        """Raises ConfigError for more than ``most_requests``."""
        if n_requests > self.most_requests:
            raise ConfigError(
                f"language model at {self.url}: {n_requests:,} requests are needed, and most_requests is {self.most_requests:,}. Raise it if you mean to "
                "pay for them; answers that are there already cost nothing."
            )

    def key(self, question: Question) -> str:
        """Everything that its answer depends on."""
        return key_of("chat", self.url, self.model, self.most_tokens, question.system, question.user)

    def _ask(self, question: Question) -> str:
        openai = self._library
        roles = (("system", question.system), ("user", question.user))
        messages = [dict(role=role, content=text) for role, text in roles]  # noqa: C408  # the key is the name of a domain too
        try:
            completion = self._client.chat.completions.create(
                model=self.model, messages=messages, temperature=0, max_tokens=self.most_tokens
            )
        except openai.AuthenticationError as error:
            raise RunError(
                f"language model at {self.url}: it does not accept the key. Set {KEY_VARIABLES[0]} in the environment."
            ) from error
        except openai.APIStatusError as error:
            raise RunError(
                f"language model at {self.url}: it answered {error.status_code} after {self.retries} retries ({error.message[:200]}). What was answered "
                "stays; run again to go on."
            ) from error
        except openai.APIConnectionError as error:
            raise RunError(
                f"language model at {self.url}: it cannot be reached, or did not answer within {self.timeout_s:g} s ({error}). Check url; what was answered stays."
            ) from error
        choices = completion.choices or []
        return (choices[0].message.content or "") if choices else ""

    @cached_property
    def _library(self) -> Any:
        return importlib.import_module("openai")

    @cached_property
    def _client(self) -> Any:
        key = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), "none")
        return self._library.OpenAI(
            base_url=self.url, api_key=key, timeout=self.timeout_s, max_retries=self.retries, organization=None
        )


def _parts(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
