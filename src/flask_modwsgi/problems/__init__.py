"""Every failure that has a name. Each function takes the actual values and returns the problem."""

from .adopting import *
from .apple import *
from .application import *
from .building import *
from .configuring import *
from .encrypting import *
from .importing import *
from .resources import *
from .serving import *
from .upgrading import *
