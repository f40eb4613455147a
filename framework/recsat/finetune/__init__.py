"""Text encoders fitted to a domain's own interactions, and cross-encoders that classify (user, item) pairs.

Importing this package loads no torch; its modules do, except :mod:`recsat.finetune.settings` and
:mod:`recsat.embed.provenance`.
"""
