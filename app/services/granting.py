"""An agreement made from a request, in the transaction of the decision, checked as every agreement is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.catalogue.building import Definition
from app.catalogue.folder import Folder
from app.policy.scopes import Permit
from app.services.apply import plan_apply
from app.services.registry import Registry
from app.services.views import invalid
from app.store import definitions
from app.store.database import Write


def put_agreement(registry: Registry, write: Write, permit: Permit, document: Mapping[str, Any]) -> dict[str, Any]:
    """Save the agreement; gives its normal form. Raises Problem ``invalid_document`` with every fault."""
    code = str(document["code"])
    folder = Folder(definitions=[Definition("agreement", code, dict(document), f"agreement:{code}")])
    plan, _, to_save = plan_apply(registry, write.connection, folder)
    if plan.faults:
        raise invalid(plan.faults)
    for item in to_save:
        definitions.put(write, permit, item.kind, item.code, item.body)
    return to_save[0].body
