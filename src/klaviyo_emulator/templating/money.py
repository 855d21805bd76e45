"""Amounts of money, in the American way: the sign of the currency, groups of three, and the currency's decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

from klaviyo_emulator.templating.values import decimal_number

_SIGNS = {
    "AUD": "A$",
    "BRL": "R$",
    "CAD": "CA$",
    "CNY": "CN\N{YEN SIGN}",
    "EUR": "\N{EURO SIGN}",
    "GBP": "\N{POUND SIGN}",
    "HKD": "HK$",
    "ILS": "\N{NEW SHEQEL SIGN}",
    "INR": "\N{INDIAN RUPEE SIGN}",
    "JPY": "\N{YEN SIGN}",
    "KRW": "\N{WON SIGN}",
    "MXN": "MX$",
    "NZD": "NZ$",
    "TWD": "NT$",
    "USD": "$",
    "VND": "\N{DONG SIGN}",
}
_DECIMALS = {
    **dict.fromkeys(["CLP", "ISK", "JPY", "KRW", "PYG", "VND", "XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "JOD", "KWD", "OMR", "TND"], 3),
}
_DIGITS = Context(prec=400)


def write_money(value: object, currency: str) -> object:
    """A number, or text that says one, as an amount of a currency (ISO 4217). Everything else is left as it is."""
    amount = decimal_number(value)
    if amount is None:
        return value
    places = _DECIMALS.get(currency, 2)
    rounded = Decimal(str(amount)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _DIGITS)
    sign = _SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}")
    return f"{'-' if rounded < 0 else ''}{sign}{rounded.copy_abs():,.{places}f}"
