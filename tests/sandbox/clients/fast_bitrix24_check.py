"""fast-bitrix24, the popular client: everything as batches, over plain HTTP."""
import warnings

from fast_bitrix24 import Bitrix

from sandbox import URL, act, call

warnings.simplefilter("ignore")
bitrix = Bitrix(URL + "/rest/1/b24code/", verbose=False)

tasks = [{"fields": {"TITLE": f"Лид {number}", "ORIGIN_ID": f"c-{number}"}} for number in range(60)]
tasks[0]["fields"]["PHONE"] = [{"VALUE": "+79991234567", "VALUE_TYPE": "MOBILE"}]
ids = bitrix.call("crm.lead.add", tasks)
assert len(set(ids)) == 60, ids
assert len(bitrix.get_all("crm.lead.list", {"select": ["ID", "TITLE"]})) == 60
# Its batches overtake each other: only the portal knows which lead has which id.
by_origin = {lead["origin"]: lead["id"] for lead in call("/sandbox/bitrix24")[1]["lead"]}
known = bitrix.get_by_ID("crm.lead.get", ids[:3])
assert all(by_origin[lead["ORIGIN_ID"]] == int(key) for key, lead in known.items()), known
found = bitrix.call("crm.duplicate.findbycomm", {"type": "PHONE", "values": ["89991234567"]}, raw=True)
assert found["result"] == {"LEAD": [by_origin["c-0"]]}, found
refers = {"find": "crm.lead.list?filter[ORIGIN_ID]=c-7&select[]=ID", "get": "crm.lead.get?id=$result[find][0][ID]"}
answer = bitrix.call_batch({"halt": 0, "cmd": refers})
assert answer["get"]["ID"] == str(by_origin["c-7"]), answer

# It repeats a batch after 503, and after 502 too: the second leaves a lead more than was wanted.
for fault, expected in (("status", 1), ("status_after_accept", 2)):
    status = 503 if fault == "status" else 502
    call("/sandbox/faults", {"provider": "bitrix24", "method": "batch", "times": 1, "fault": fault, "status": status})
    bitrix.call("crm.lead.add", {"fields": {"TITLE": fault}})
    titles = [lead["title"] for lead in call("/sandbox/bitrix24")[1]["lead"]]
    assert titles.count(fault) == expected, (fault, titles.count(fault))

# It reckons with a bucket of 50; a smaller one refuses it, it waits, and nothing is lost.
act("bitrix24", do="rate", burst=1, per_second=2)
for _ in range(4):
    assert len(bitrix.get_by_ID("crm.lead.get", ids[:3])) == 3
assert call("/sandbox/bitrix24")[1]["refused"] > 0
