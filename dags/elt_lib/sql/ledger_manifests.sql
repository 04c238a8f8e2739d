select manifest_url
from ops.load_ledger
where manifest_url is not null
