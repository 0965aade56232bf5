/** Whether intervals hold what they say they do: simulated runs whose truth is known, with effects of the machine and of the moment. */
import assert from 'node:assert/strict';
import { boundingPlaces, halfWidthFactor, mostByChance, normal, standardDeviation } from '../../lib/bench/calibration.js';
import { randomWords } from '../../lib/bench/random.js';
import { differenceOf, estimate, median, quantile, ratioOf, runsShare, shareInterval, type Estimate } from '../../lib/bench/statistics.js';

const RUNS = 1500;
const holds = ({ low, high }: Pick<Estimate, 'low' | 'high'>, truth: number): boolean => low <= truth && truth <= high;
const shareOf = (of: readonly boolean[]): number => of.filter(Boolean).length / of.length;

/** A run of some machines: what a machine has in common scatters more than its samples do. One list of samples a machine. */
function simulate(random: () => number, machines: number, samples: number): number[][] {
  return Array.from({ length: machines }, () => {
    const machine = 0.03 * normal(random);
    // The clock counts tenths: medians of one machine are often equal to the digit.
    return Array.from({ length: samples }, () => Math.round(270 * Math.exp(machine + 0.01 * normal(random))) / 10);
  });
}

/** What was done before: the middle of all samples, resampled as if they were independent. */
function resampled(values: readonly number[], random: () => number): Estimate {
  const medians = Array.from({ length: 200 }, () => median(values.map(() => values[(random() >>> 0) % values.length])));
  return { value: median(values), low: quantile(medians, 0.025), high: quantile(medians, 0.975), count: values.length };
}

describe('intervals over machines', function () {
  this.timeout(60_000);

  for (const machines of [2, 3, 4, 5, 6, 8, 12]) {
    it(`of ${machines} hold the truth in nineteen runs of twenty, those over samples hardly ever`, () => {
      const random = randomWords(machines);
      const over: boolean[] = [];
      const inside: boolean[] = [];
      for (let run = 0; run < RUNS; run++) {
        const samples = simulate(random, machines, 20);
        over.push(holds(estimate(samples.map(median)), 27));
        if (run < 200) inside.push(holds(resampled(samples.flat(), random), 27));
      }
      const [now, before] = [shareOf(over), shareOf(inside)];
      assert(now >= 0.93, `${now} of the intervals over machines hold it`);
      assert(before < 0.75, `${before} of those over samples hold it`);
    });
  }

  it('hold it for other quantiles, and for values that are spread unevenly', () => {
    const random = randomWords(7);
    for (const count of [3, 5, 8, 20]) {
      const draws = (): number[] => Array.from({ length: count }, () => Math.exp(0.4 * normal(random)));
      // What another run of as many gives on the average.
      const log = (share: number): number => Array.from({ length: 4000 }, () => Math.log(quantile(draws(), share))).reduce((sum, value) => sum + value / 4000, 0);
      for (const share of [0.25, 0.5, 0.75]) {
        const truth = Math.exp(log(share));
        const held = shareOf(Array.from({ length: RUNS }, () => holds(estimate(draws(), share), truth)));
        assert(held >= 0.92, `${held} at the quantile ${share} of ${count}`);
      }
    }
  });

  it('tell two runs of one thing apart in one case of twenty at most, and two things that differ', () => {
    const random = randomWords(11);
    for (const machines of [3, 4, 6]) {
      const figure = (factor: number): Estimate => estimate(simulate(random, machines, 10).map((samples) => factor * median(samples)));
      const pairs = Array.from({ length: RUNS }, () => [figure(1), figure(1)] as const);
      assert(shareOf(pairs.map(([a, b]) => holds(ratioOf(b, a), 1))) >= 0.94);
      assert(shareOf(pairs.map(([a, b]) => holds(differenceOf(b, a), 0))) >= 0.94);
      assert(shareOf(pairs.map(([a]) => holds(ratioOf(figure(1.5), a), 1))) < 0.1, `${machines} machines see a difference of a half`);
    }
  });

  it('say nothing of a single machine, and are never without width', () => {
    assert.deepEqual(estimate([5]), { value: 5, low: -Infinity, high: Infinity, count: 1 });
    const { low, high } = estimate([26, 26, 26, 26, 26, 26, 26]);
    assert(low < 26 && high > 26);
    assert.equal(ratioOf(estimate([5]), estimate([5, 6, 7])).high, Infinity);
  });

  it('of shares are wider where runs differ by more than chance', () => {
    const random = randomWords(13);
    const over: boolean[] = [];
    const inside: boolean[] = [];
    for (let run = 0; run < RUNS; run++) {
      const shares = Array.from({ length: 6 }, () => {
        const share = Math.min(1, Math.max(0, 0.2 + 0.05 * normal(random)));
        return { tries: 2000, hits: Math.round(2000 * share) };
      });
      over.push(holds(runsShare(shares), 0.2));
      inside.push(holds(shareInterval(shares.reduce((sum, { hits }) => sum + hits, 0), 12_000), 0.2));
    }
    assert(shareOf(over) >= 0.93, `${shareOf(over)}`);
    assert(shareOf(inside) < 0.5, `${shareOf(inside)}`);
    const none = runsShare([{ hits: 0, tries: 1000 }, { hits: 0, tries: 1000 }, { hits: 0, tries: 1000 }]);
    assert(none.low === 0 && none.high > 0.001 && none.high < 0.05, JSON.stringify(none));
    assert.equal(runsShare([{ hits: 3, tries: 10 }]).high, Infinity);
  });
});

describe('what intervals are made from', () => {
  it("is Student's t for the mean of two values, and close to it for medians", () => {
    // The median of two is their mean: t = 12.706 with one degree of freedom.
    assert(Math.abs(halfWidthFactor(2, 0.5) * Math.SQRT2 / 12.706 - 1) < 0.1, `${halfWidthFactor(2, 0.5) * Math.SQRT2}`);
    assert(halfWidthFactor(3, 0.5) * Math.sqrt(3) > 4.303 * 0.97);
    assert(halfWidthFactor(5, 0.5) < halfWidthFactor(4, 0.5) && halfWidthFactor(4, 0.5) < halfWidthFactor(3, 0.5));
    assert.equal(halfWidthFactor(4, 0.25), halfWidthFactor(4, 0.25));
  });

  it('are the outermost of six values for a median, and inner ones of more', () => {
    assert.equal(boundingPlaces(5, 0.5), null);
    assert.deepEqual(boundingPlaces(6, 0.5), { low: 0, high: 5 });
    assert.deepEqual(boundingPlaces(9, 0.5), { low: 1, high: 7 });
    assert.equal(boundingPlaces(12, 0.25), null);
    assert.equal(boundingPlaces(13, 0.25)?.low, 0);
  });

  it('counts what chance allows', () => {
    assert.equal(mostByChance(1, 0.05), 0);
    assert.equal(mostByChance(20, 0.05), 3);
    assert.equal(mostByChance(100, 0.05), 9);
    assert.equal(mostByChance(0, 0.05), 0);
  });

  it('have the deviation of a sample', () => {
    assert.equal(standardDeviation([1, 3]), Math.SQRT2);
    const random = randomWords(3);
    assert(Math.abs(standardDeviation(Array.from({ length: 20_000 }, () => normal(random))) - 1) < 0.03);
  });
});
