"""Deletion of persons. Scope ``data-privacy:write``."""

from typing import TYPE_CHECKING

from aioklaviyo.operations import Need, Operation
from aioklaviyo.rates import S
from aioklaviyo.resources.area import Area

if TYPE_CHECKING:
    from aioklaviyo.jsonapi import Json

# Asked for twice, the same persons are deleted once.
REQUEST_DELETION = Operation(
    "request_profile_deletion", "POST", "/api/data-privacy-deletion-jobs", S, Need.NOTHING, is_repeatable=True
)


class DataPrivacy(Area):
    """``klaviyo.data_privacy``."""

    async def request_deletion(
        self,
        *,
        profile_id: str | None = None,
        email: str | None = None,
        phone_number: str | None = None,
        deadline_seconds: float | None = None,
    ) -> None:
        """Have a person forgotten, as the GDPR and the CCPA give them a right to. It cannot be undone.

        Klaviyo deletes *every* profile that the identifier matches, some time after it has answered, and lists them on
        its page of deleted profiles. There is no way to ask whether it is done.

        The call is repeated like any that does the same when done twice.

        Args:
            profile_id: 26 letters and digits.
            email: An address.
            phone_number: In E.164 form, with a plus.
            deadline_seconds: For the whole call, waits included; None means the client's.

        Raises:
            InvalidRequest: Not exactly one identifier is given.
            NotFound: Nobody has it. After several ``attempts`` it may be because an earlier one was heard.
            KlaviyoError: See ``aioklaviyo.errors``.
        """
        given: dict[str, str] = {
            name: value
            for name, value in (("id", profile_id), ("email", email), ("phone_number", phone_number))
            if value is not None
        }
        if len(given) != 1 or not all(given.values()):
            problem = "exactly one of profile_id, email and phone_number is needed"
            raise REQUEST_DELETION.refused(problem, "/data/attributes/profile/data")
        attributes: dict[str, Json] = {name: value for name, value in given.items() if name != "id"}
        profile: dict[str, Json] = {"type": "profile", "attributes": attributes}
        if profile_id is not None:
            profile["id"] = profile_id
        data: Json = {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": profile}}}
        await self._done(REQUEST_DELETION.call(data=data), deadline_seconds)
