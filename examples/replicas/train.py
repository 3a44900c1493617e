"""train.py OPTIONS PRIMARY REPLICA...: trains the model rec on the primary, then says when each replica serves the new version.

The servers are URLs of sqld. The seconds count from the moment at which the primary has answered, which is after its
commit, until a replica recommends with the new version; so they include that the replica loads the version.
"""
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from query import query, until

# The version that a replica serves: the one that a recommendation loads, not only one that a table lists. A replica that
# has just started hands its queries on to the primary; only its own process says that it is read-only.
SERVING = """SELECT c.value FROM rec_config AS c, gru4rec_recommend('rec', '[]', 1) AS r
WHERE c.key = 'version' AND r.version = c.value AND gru4rec_info() ->> 'readonly'"""


def main(options, primary, *replicas):
    summary = json.loads(query(primary, f"SELECT gru4rec_train('rec', '{options}')")[0][0])
    version = str(summary['version'])
    with ThreadPoolExecutor() as pool:
        seconds = list(pool.map(lambda replica: until(version, replica, SERVING), replicas))
    print(f"{primary} has version {version}, trained on {summary['events']} clicks")
    for replica, s in zip(replicas, seconds):
        print(f'{replica} serves it {s:.2f} seconds later')


if __name__ == '__main__':
    main(*sys.argv[1:])
