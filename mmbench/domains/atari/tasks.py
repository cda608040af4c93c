"""Tasks of the atari domain. Data only: importing this file loads no simulator."""

from functools import partial

from mmbench.spec import Domain, ScoreRule, TaskSpec

DOMAIN = Domain(
    name="atari",
    adapter="mmbench.domains.atari.adapter:AtariSimulator",
    extra="atari",
    packages=("ale-py",),
    source="Arcade Learning Environment, arXiv:1207.4708",
    notes="An env step is four frames with the same joystick position. The first two actions are the stick's deflection and angle, the third fires above 0. The stick is always on a diagonal: right if deflection * cos(angle) > 0.5, else left, and up likewise with the sine, else down. After game over nothing happens to the end. Rewards can be negative in boxing, double dunk, ice hockey and pong.",
)

_up_to = partial(ScoreRule, kind="return", low=0.0)

_game = partial(
    TaskSpec,
    domain=DOMAIN,
    embodiment="An arcade console steered by joystick deflection, joystick angle and one fire button.",
    obs_dim=128,
    action_dim=3,
    max_episode_steps=1000,
    discount=0.99,
    observation=((128, "the console's memory, addresses 0x80 to 0xFF, each byte divided by 255"),),
    reward="change of the game's own score over the four frames",
    start="the console right after loading, always the same",
)

TASKS = (
    _game(
        id="atari-alien",
        instruction="Sweep the corridors clean and survive or fry the hunting aliens.",
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        params={"game": "Alien"},
    ),
    _game(
        id="atari-assault",
        instruction="Gun down the craft dropped by the mothership without being hit.",
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        params={"game": "Assault"},
    ),
    _game(
        id="atari-asterix",
        instruction="Grab the treats drifting past and stay clear of the hazards.",
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        params={"game": "Asterix"},
    ),
    _game(
        id="atari-atlantis",
        instruction="Fire the gun posts to protect the sunken city from raiders.",
        score=ScoreRule(kind="return", low=0.0, high=50000.0),
        params={"game": "Atlantis"},
    ),
    _game(
        id="atari-bank-heist",
        instruction="Loot bank after bank and shake off the patrol cars.",
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        params={"game": "BankHeist"},
    ),
    _game(
        id="atari-battle-zone",
        instruction="Look through the tank's sight and blast every hostile tank.",
        score=ScoreRule(kind="return", low=0.0, high=15000.0),
        params={"game": "BattleZone"},
    ),
    _game(
        id="atari-beamrider",
        instruction="Ride the light beams, hit the saucers and sidestep debris.",
        score=ScoreRule(kind="return", low=0.0, high=2000.0),
        params={"game": "BeamRider"},
    ),
    _game(
        id="atari-boxing",
        instruction="Out-punch the other boxer before the bell.",
        score=ScoreRule(kind="return", low=-100.0, high=100.0),
        params={"game": "Boxing"},
    ),
    _game(
        id="atari-chopper-command",
        instruction="Fly the helicopter and guard the truck convoy from jets.",
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        params={"game": "ChopperCommand"},
    ),
    _game(
        id="atari-crazy-climber",
        instruction="Scale the tower window by window without being knocked off.",
        score=ScoreRule(kind="return", low=0.0, high=20000.0),
        params={"game": "CrazyClimber"},
    ),
    _game(
        id="atari-double-dunk",
        instruction="Outscore the rival pair in two-on-two basketball.",
        score=ScoreRule(kind="return", low=0.0, high=25.0),
        params={"game": "DoubleDunk"},
    ),
    _game(
        id="atari-gopher",
        instruction="Fill in the tunnels so the carrots stay safe from the rodent.",
        score=ScoreRule(kind="return", low=0.0, high=2000.0),
        params={"game": "Gopher"},
    ),
    _game(
        id="atari-ice-hockey",
        instruction="Put more pucks into the rival net than you let in.",
        score=ScoreRule(kind="return", low=-15.0, high=15.0),
        params={"game": "IceHockey"},
    ),
    _game(
        id="atari-jamesbond",
        instruction="Drive the secret agent's craft, shooting foes and completing missions.",
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        params={"game": "Jamesbond"},
    ),
    _game(
        id="atari-kangaroo",
        instruction="Climb up to the captive joey and fend off the apes.",
        score=ScoreRule(kind="return", low=0.0, high=10000.0),
        params={"game": "Kangaroo"},
    ),
    _game(
        id="atari-krull",
        instruction="Battle through the fantasy stages to free the captured bride.",
        score=ScoreRule(kind="return", low=0.0, high=10000.0),
        params={"game": "Krull"},
    ),
    _game(
        id="atari-ms-pacman",
        instruction="Clear the maze of dots as Ms. Pac-Man while dodging her chasers.",
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        params={"game": "MsPacman"},
    ),
    _game(
        id="atari-name-this-game",
        instruction="Guard the sunken gold from the octopus and shark, breathing in time.",
        score=ScoreRule(kind="return", low=0.0, high=3000.0),
        params={"game": "NameThisGame"},
    ),
    _game(
        id="atari-phoenix",
        instruction="Clear the waves of space birds, then break the mothership.",
        score=ScoreRule(kind="return", low=0.0, high=1000.0),
        params={"game": "Phoenix"},
    ),
    _game(
        id="atari-pong",
        instruction="Knock the ball past the other paddle to win points.",
        score=ScoreRule(kind="return", low=-21.0, high=21.0),
        params={"game": "Pong"},
    ),
    _game(
        id="atari-road-runner",
        instruction="Race down the highway pecking seed and outrun the coyote.",
        score=ScoreRule(kind="return", low=0.0, high=50000.0),
        params={"game": "RoadRunner"},
    ),
    _game(
        id="atari-robotank",
        instruction="Command the robot tank and wipe out each enemy squadron.",
        score=ScoreRule(kind="return", low=0.0, high=50.0),
        params={"game": "Robotank"},
    ),
    _game(
        id="atari-seaquest",
        instruction="Steer the submarine, pick up swimmers and torpedo the threats.",
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        params={"game": "Seaquest"},
    ),
    _game(
        id="atari-space-invaders",
        instruction="Blast the marching rows of aliens before they reach the ground.",
        score=ScoreRule(kind="return", low=0.0, high=2000.0),
        params={"game": "SpaceInvaders"},
    ),
    _game(
        id="atari-tutankham",
        instruction="Plunder the pharaoh's maze and shoot the creatures guarding it.",
        score=ScoreRule(kind="return", low=0.0, high=100.0),
        params={"game": "Tutankham"},
    ),
    _game(
        id="atari-upndown",
        instruction="Drive the buggy over hilly roads, gathering flags and hopping traffic.",
        score=ScoreRule(kind="return", low=0.0, high=5000.0),
        params={"game": "UpNDown"},
    ),
    _game(
        id="atari-yars-revenge",
        instruction="Gnaw through the barrier and cannon the enemy behind it.",
        score=ScoreRule(kind="return", low=0.0, high=20000.0),
        params={"game": "YarsRevenge"},
    ),
)
