"""A gun turret under a flock of birds."""

from mmbench.domains.miniarcade.games.game import SCREEN, Game, clip, distance, uniform

LOW, HIGH = 20.0, 204.0
GUN_Y = 188.0
GUN_WIDTH, BIRD_WIDTH, BIRD_HEIGHT = 14.0, 14.0, 12.0
BOSS_CENTRE = (112.0, 40.0)
BALL_RADIUS = 10.0
STUN_STEPS = 16
FADE_STEPS = 5
_SPEED, _STUNNED_SPEED = 6.0, 1.2
_BULLET_SPEED = 7.0
_RELOAD = 8
_FIRE_PROBABILITY = 0.0075
_BOSS_START, _BOSS_PERIOD = 250, 50
_BALL_SPEED = 5.0


class BirdAttack(Game):
    """+1 for a bird, -2 for being hit, +1 for every step without birds."""

    name = "bird_attack"

    def reset(self) -> None:
        self.x = 105.0
        self.reload = 0
        self.stun = 0
        self.kills = 0
        self.direction = 1.0
        # Birds: [x, y, hit points], the upper row first; bullets: [x, y].
        self.birds = [[40.0 + 20 * c, 40.0 + 20 * r, 2] for r in range(2) for c in range(8)]
        self.shots: list[list[float]] = []
        self.bird_shots: list[list[float]] = []
        self.has_boss = False
        self.boss = BOSS_CENTRE
        self.boss_timer = 0
        self.fade = 0
        self.ball: list[float] | None = None

    def step(self, action: list[float]) -> float:
        speed = _STUNNED_SPEED if self.stun > 0 else _SPEED
        self.x = clip(self.x + action[0] * speed, LOW, HIGH - GUN_WIDTH)
        if self.stun > 0:
            self.stun -= 1
        if action[1] > 0 and self.reload == 0:
            self.shots.append([self.x + 7, 178.0])
            self.reload = _RELOAD
        if self.reload > 0:
            self.reload -= 1
        for shot in self.shots:
            shot[1] -= _BULLET_SPEED
        self.shots = [shot for shot in self.shots if shot[1] > LOW]
        self._move_flock()
        self._birds_fire()
        for shot in self.bird_shots:
            shot[1] += _BULLET_SPEED
        self.bird_shots = [shot for shot in self.bird_shots if shot[1] < HIGH]
        reward = self._hit_birds() - 2.0 * self._be_hit()
        if not self.has_boss and self.num_steps >= _BOSS_START:
            self.has_boss = True
            self.boss = BOSS_CENTRE
            self.boss_timer, self.fade = _BOSS_PERIOD, FADE_STEPS
        if self.has_boss:
            self._move_boss()
        if self.ball is not None:
            reward += self._move_ball(self.ball)
        if not self.birds:
            reward += 1.0
        return reward

    def observe(self) -> list[float]:
        values = [self.x / SCREEN, self.reload / 5, len(self.birds) / 16]
        xs = [bird[0] / SCREEN for bird in self.birds]
        values += xs + [0.0] * (16 - len(xs))
        values.append(max((bird[1] for bird in self.birds), default=20.0) / SCREEN)
        for shots, num_shown in ((self.shots, 5), (self.bird_shots, 10)):
            shown = shots[:num_shown]
            for shot in shown:
                values += (shot[0] / SCREEN, shot[1] / SCREEN)
            values += [0.0] * (2 * (num_shown - len(shown)))
        values.append(self.stun / 10)
        if self.ball is None:
            values += (0.0, 0.0, 0.0, 0.0)
        else:
            x, y, vx, vy = self.ball
            values += (clip(x / SCREEN, 0, 1), clip(y / SCREEN, 0, 1))
            values += (clip(vx / _BALL_SPEED, -1, 1), clip(vy / _BALL_SPEED, -1, 1))
        return values

    def _move_flock(self) -> None:
        if not self.birds:
            return
        xs = [bird[0] for bird in self.birds]
        if max(xs) + BIRD_WIDTH + self.direction > HIGH or min(xs) + self.direction < LOW:
            self.direction = -self.direction
            for bird in self.birds:
                bird[1] += 4
        else:
            for bird in self.birds:
                bird[0] += self.direction

    def _birds_fire(self) -> None:
        if not self.birds:
            return
        draws = self.rng.random(len(self.birds))
        if draws.min() < _FIRE_PROBABILITY:
            for bird, draw in zip(self.birds, draws, strict=True):
                if draw < _FIRE_PROBABILITY:
                    self.bird_shots.append([bird[0] + 7, bird[1] + 12])

    def _hit_birds(self) -> float:
        reach = max((bird[1] for bird in self.birds), default=0.0) + BIRD_HEIGHT
        if not any(shot[1] < reach for shot in self.shots):
            return 0.0
        kills = 0
        for bird in self.birds:
            x, y = bird[0] + 7, bird[1] + 6
            for index, shot in enumerate(self.shots):
                if abs(shot[0] - x) < 7 and abs(shot[1] - y) < 6:
                    del self.shots[index]
                    bird[2] -= 1
                    kills += bird[2] == 0
                    break
        if kills:
            self.birds = [bird for bird in self.birds if bird[2] > 0]
            self.kills += kills
        return float(kills)

    def _be_hit(self) -> int:
        hits = 0
        x = self.x + 7
        index = 0
        while index < len(self.bird_shots):
            shot = self.bird_shots[index]
            if abs(shot[0] - x) < 7 and abs(shot[1] - GUN_Y) < 4:
                del self.bird_shots[index]
                hits += 1
                self._stun()
            index += 1  # the shot that slid into this place is not looked at in this step
        return hits

    def _stun(self) -> None:
        self.stun = self.reload = STUN_STEPS

    def _move_boss(self) -> None:
        if self.fade > 0:
            self.fade -= 1
            return
        x = BOSS_CENTRE[0] + 184 * uniform(self.rng, -0.03, 0.03)
        y = BOSS_CENTRE[1] + 184 * uniform(self.rng, -0.01, 0.01)
        self.boss = (x, y)
        self.boss_timer -= 1
        if self.boss_timer <= 0 and self.ball is None:
            dx, dy = self.x + 7 - x, GUN_Y - (y + 8)
            speed = _BALL_SPEED / max(1e-6, distance(dx, dy))
            self.ball = [x, y + 8, speed * dx, speed * dy]
            self.boss_timer = _BOSS_PERIOD

    def _move_ball(self, ball: list[float]) -> float:
        ball[0] += ball[2]
        ball[1] += ball[3]
        if ball[0] - BALL_RADIUS < LOW or ball[0] + BALL_RADIUS > HIGH:
            ball[2] = -ball[2]
        if ball[1] - BALL_RADIUS >= HIGH:
            self.ball = None
        elif abs(ball[0] - (self.x + 7)) < 17 and abs(ball[1] - GUN_Y) < 14:
            self.ball = None
            self._stun()
            return -2.0
        return 0.0
