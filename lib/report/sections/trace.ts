/** A trace on the page: a stretch of each run, one below the other at one scale. */
import { formatDuration, timeShares } from '../../bench/index.js';
import type { ItemContext } from '../context.js';
import { dataTable, figure } from '../figure.js';
import type { ReportedTimeline, ReportedTrace } from '../item.js';
import { html, type Markup } from '../markup.js';
import { formatQuantity, type Activity, type TimelinePlot } from '../plots/index.js';

/** How many times a page's usual way the picture is long. */
const TRIPS_SHOWN = 14;
const LEAST_SHOWN_NS = 1e6;

/** Title of a trace's section. */
export function traceTitle({ load }: ReportedTrace): string {
  return `Timeline: ${load}`;
}

/** What a trace shows, one sentence. */
export function traceVerdict({ timelines }: ReportedTrace): string {
  const shares = timelines.flatMap((timeline) => timeShares({ ...timeline, endNs: 0, events: [], guestClockKnown: hasTasks(timeline) }) ?? []);
  const parts = shares.map(({ mode, vcpu, workShare }) => `${mode}: asleep ${formatQuantity(vcpu.blocked + vcpu.wait, 'share')}${workShare === null ? '' : `, working ${formatQuantity(workShare, 'share')}`}`);
  return `Time of the vCPUs while pages were on their way. ${parts.join('; ')}.`;
}

/** Renders a trace. */
export function traceSection(report: ReportedTrace, name: string, context: ItemContext): Markup {
  const plot = pictureOf(report.timelines);
  return html`<section id="${context.id}"><h2>${traceTitle(report)}</h2><p class="quiet">${name}, run of ${report.startedAt}</p><p class="verdict">${traceVerdict(report)}</p>
${plot !== null && figure(context, {
    title: `${formatDuration(plot.toNs)} out of each run`,
    how: 'Time goes from left to right; each row is a thread of the host or a task of the guest. Where a vCPU waits (red), nothing in its guest runs, neither fault tasks nor work tasks. Where the guest is told of the missing page, the vCPU stays busy (blue), work tasks run (green) and several pages are on their way at once (dark grey).',
    plot,
  })}
<p class="how">The file itself opens in ui.perfetto.dev (Open trace file) and in chrome://tracing, with every span of every run.</p>
${report.timelines.some(({ lost }) => lost > 0) && html`<p class="warning">Not everything found room: ${report.timelines.filter(({ lost }) => lost > 0).map((timeline) => `${timeline.name} lost ${timeline.lost} records`).join(', ')}.</p>`}
<h3>How vCPU threads and tasks spent the time in which pages were on their way</h3>
${sharesTable(report.timelines)}
</section>`;
}

function hasTasks({ lanes }: ReportedTimeline): boolean {
  return lanes.some(({ kind }) => kind === 'task');
}

function sharesTable(timelines: readonly ReportedTimeline[]): Markup {
  const shares = timelines.flatMap((timeline) => timeShares({ ...timeline, endNs: 0, events: [], guestClockKnown: hasTasks(timeline) }) ?? []);
  const percent = (share: number | null): string => (share === null ? '-' : formatQuantity(share, 'share'));
  return dataTable({
    head: ['', 'paging took', 'pages on their way, mean', 'vCPU in KVM_RUN', 'vCPU asleep for a page', 'vCPU: VMM handles exits', 'work tasks ran'],
    rows: shares.map(({ mode, pagingNs, pagesUnderWay, vcpu, workShare }) => [mode, formatDuration(pagingNs), pagesUnderWay.toFixed(2), percent(vcpu.guest), percent(vcpu.blocked + vcpu.wait), percent(vcpu.vmm), percent(workShare)]),
  });
}

/** The same length out of the middle of each run. */
function pictureOf(timelines: readonly ReportedTimeline[]): TimelinePlot | null {
  const recorded = timelines.filter(({ trips }) => trips.length > 0);
  if (recorded.length === 0) return null;
  const usual = recorded.flatMap(({ trips }) => trips.map(({ askedNs, placedNs }) => placedNs - askedNs)).sort((a, b) => a - b);
  const lengthNs = Math.max(LEAST_SHOWN_NS, TRIPS_SHOWN * usual[Math.floor(usual.length / 2)]);
  return {
    kind: 'timeline',
    fromNs: 0,
    toNs: lengthNs,
    events: [],
    activities: [
      { activity: 'guest', label: 'vCPU runs its guest' },
      { activity: 'blocked', label: 'vCPU waits for a page' },
      { activity: 'vmm', label: 'VMM handles an exit' },
      { activity: 'work', label: 'task works' },
      { activity: 'fault', label: 'task sums a page' },
      { activity: 'wait', label: "task's page is on its way" },
      { activity: 'ready', label: 'task waits for its turn' },
      { activity: 'fetch', label: 'resolver fills pages' },
    ],
    lanes: recorded.flatMap(({ name, lanes, trips }) => {
      const middle = trips[Math.floor(trips.length / 2)].askedNs;
      const fromNs = Math.max(0, middle - lengthNs / 2);
      return lanes.map((lane) => ({
        group: name,
        name: lane.name,
        spans: lane.spans
          .filter(({ startNs, endNs }) => endNs > fromNs && startNs < fromNs + lengthNs)
          .map(({ startNs, endNs, activity }): TimelinePlot['lanes'][number]['spans'][number] => ({ startNs: startNs - fromNs, endNs: endNs - fromNs, activity: shown(lane.kind, activity) })),
      }));
    }),
  };
}

/** For who looks at a vCPU it is all the same where it sleeps. */
function shown(kind: string, activity: Activity): Activity {
  return kind === 'vcpu' && activity === 'wait' ? 'blocked' : activity;
}
