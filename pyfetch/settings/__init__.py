"""Everything that a run can be told: `Settings`, and what there is to know of each setting.

May import: the modules of values. The command line, `--help` and the table in docs/options.md
are made from what stands in `definitions`.
"""

from pyfetch.models import IfExists as IfExists
from pyfetch.settings.definitions import OF_A_CLUSTER as OF_A_CLUSTER
from pyfetch.settings.definitions import OF_COMPUTING as OF_COMPUTING
from pyfetch.settings.definitions import OF_PACKS as OF_PACKS
from pyfetch.settings.definitions import SETTINGS as SETTINGS
from pyfetch.settings.definitions import ContradictionError as ContradictionError
from pyfetch.settings.definitions import Engine as Engine
from pyfetch.settings.definitions import HttpVersion as HttpVersion
from pyfetch.settings.definitions import InputFormat as InputFormat
from pyfetch.settings.definitions import Pack as Pack
from pyfetch.settings.definitions import PackOrder as PackOrder
from pyfetch.settings.definitions import Settings as Settings
from pyfetch.settings.definitions import bundle_of_the_environment as bundle_of_the_environment
from pyfetch.settings.given_cookies import GivenCookies as GivenCookies
from pyfetch.settings.host_patterns import parse_pattern as parse_pattern
from pyfetch.settings.host_settings import HOST_KINDS as HOST_KINDS
from pyfetch.settings.host_settings import HOST_LIMITS as HOST_LIMITS
from pyfetch.settings.host_settings import HOSTS as HOSTS
from pyfetch.settings.host_settings import HostSettings as HostSettings
from pyfetch.settings.host_settings import HostTable as HostTable
from pyfetch.settings.host_settings import headers_over as headers_over
from pyfetch.settings.host_settings import matching as matching
from pyfetch.settings.host_settings import together as together
from pyfetch.settings.kinds import AUTO as AUTO
from pyfetch.settings.kinds import MOST_WORKERS as MOST_WORKERS
from pyfetch.settings.request_kinds import check_proxy as check_proxy
from pyfetch.settings.setting import Group as Group
from pyfetch.settings.setting import Setting as Setting
