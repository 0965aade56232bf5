/** The page's style: quiet, dense, light and dark, for screens from 320 px on, and for paper. */

const LIGHT = ['#3f6cae', '#16898a', '#c9751a', '#b8325a', '#6f4fae', '#5d7a2c', '#8a5a3c', '#5f6b77'];
const DARK = ['#82abe8', '#55c2bd', '#f0aa55', '#f07f9d', '#b398ea', '#a7c76c', '#d0a07b', '#a3aeba'];
const PARTS_LIGHT = ['#3f6cae', '#7f9fce', '#16898a', '#6cbab4', '#c9751a', '#e5b273', '#b8325a', '#db8aa3', '#6f4fae', '#a7b45a', '#8a5a3c', '#4d7d33', '#b9bec5'];
const PARTS_DARK = ['#5f8fd6', '#3c5f94', '#48b3ae', '#2d706f', '#e29a45', '#91632d', '#e06b8b', '#8d4258', '#a488e4', '#7d8a3e', '#c39a80', '#9cc76c', '#59626d'];

const colours = (prefix: string, values: readonly string[]): string => values.map((value, at) => `--${prefix}${at}:${value};`).join('');

const THEME = {
  light: `--paper:#fff;--sheet:#f6f7f8;--ink:#1a1e23;--quiet:#59626d;--rule:#e1e4e8;--grid:#e9ebee;--strong:#0b57a4;--good:#1a7f37;--bad:#c0262d;--warn:#8a5a00;--warnbg:#fff6df;--work:#2f8f5b;--fault:#d78a2e;--wait:#8b97a5;--turn:#dde1e6;--vmm:#6f4fae;--fetch:#16898a;--blocked:#d5536f;--busy:#5b86c4;${colours('s', LIGHT)}${colours('p', PARTS_LIGHT)}`,
  dark: `--paper:#13161a;--sheet:#1b1f25;--ink:#e5e8ec;--quiet:#9aa4af;--rule:#2c323a;--grid:#242a31;--strong:#7db6f5;--good:#5cc27e;--bad:#ff7b82;--warn:#e9bb5b;--warnbg:#2c2618;--work:#4fb57e;--fault:#e59d4a;--wait:#76828f;--turn:#323941;--vmm:#a488e4;--fetch:#48b3ae;--blocked:#d8607b;--busy:#5f8fd6;${colours('s', DARK)}${colours('p', PARTS_DARK)}`,
};

const each = (count: number, rule: (at: number) => string): string => Array.from({ length: count }, (_, at) => rule(at)).join('\n');

/** All of it, as the text of one style element. */
export const STYLE = `
:root{color-scheme:light dark;${THEME.light}}
@media (prefers-color-scheme:dark){:root{${THEME.dark}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
a{color:var(--strong);text-decoration-thickness:1px;text-underline-offset:2px}
.frame{display:grid;grid-template-columns:minmax(0,1fr);max-width:820px;margin:0 auto;padding:0 30px 4rem}
header.top{padding:2.2rem 0 1.2rem;border-bottom:1px solid var(--rule)}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .35rem;letter-spacing:-.015em}
h2{font-size:1.3rem;line-height:1.25;margin:0 0 .5rem;letter-spacing:-.01em}
h3{font-size:1rem;margin:0 0 .15rem}
p{margin:.35rem 0 .7rem;max-width:68ch}
.quiet,.how{color:var(--quiet)}
.how{font-size:.87rem;margin:.1rem 0 .6rem}
section{padding:2rem 0 .6rem;border-top:1px solid var(--rule)}
section:first-of-type{border-top:0}
nav.contents{font-size:.87rem;padding:1rem 0}
nav.contents ol{list-style:none;margin:0;padding:0;columns:2;column-gap:2rem}
nav.contents li{padding:.1rem 0;break-inside:avoid}
nav.contents a{color:var(--ink);text-decoration:none}
nav.contents a:hover{text-decoration:underline}
.verdicts{list-style:none;margin:.6rem 0 0;padding:0}
.verdicts li{display:grid;grid-template-columns:5.4rem minmax(0,1fr);gap:0 .9rem;padding:.5rem 0;border-top:1px solid var(--grid)}
.verdicts .state{font-size:.8rem;font-weight:600;padding-top:.1rem}
.verdicts p{margin:.1rem 0 0;font-size:.9rem;max-width:none}
.verdicts .asked{color:var(--quiet);font-size:.84rem}
.good{color:var(--good)}.bad{color:var(--bad)}.none{color:var(--warn)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;background:var(--rule);border:1px solid var(--rule);margin:1rem 0}
.cards div{background:var(--paper);padding:.6rem .8rem}
.cards b{display:block;font-size:1.3rem;line-height:1.25;letter-spacing:-.01em}
.cards span{font-size:.8rem;color:var(--quiet)}
.cards i{background:currentColor;display:inline-block;width:.6rem;height:.6rem;border-radius:2px;margin-right:.4rem}
.warning{background:var(--warnbg);color:var(--warn);border-left:3px solid var(--warn);padding:.45rem .8rem;margin:.7rem 0;font-size:.87rem}
.verdict{border-left:3px solid var(--good);padding:.1rem 0 .1rem .9rem;margin:.8rem 0;font-size:1.02rem}
.verdict.none{border-color:var(--warn);color:inherit}
figure{margin:1.6rem 0 1.9rem}
figure svg{display:block;max-width:100%;height:auto;overflow:visible;font:11.5px system-ui,-apple-system,"Segoe UI",Arial,sans-serif}
svg.narrow{display:none}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;margin:.2rem 0 .5rem;padding:0;font-size:.82rem}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.4rem;vertical-align:-.1rem;background:currentColor}
.legend i.line{height:3px;width:1.1rem;vertical-align:.22rem}
.legend i.solid{color:var(--quiet)}.legend i.pale{color:var(--quiet);opacity:.4}
details{font-size:.87rem;margin:.3rem 0}
summary{cursor:pointer;color:var(--quiet);padding:.15rem 0}
summary:hover{color:var(--ink)}
.scroll{overflow-x:auto;margin:.3rem 0 .8rem}
table{border-collapse:collapse;font-size:.84rem;line-height:1.35}
th,td{padding:.24rem .8rem .24rem 0;text-align:right;vertical-align:top;border-bottom:1px solid var(--grid)}
th{color:var(--quiet);font-weight:600;white-space:nowrap}
thead th{border-bottom-color:var(--rule);vertical-align:bottom}
td.text,th.text,tbody th{text-align:left}
td.text{max-width:32rem;min-width:4rem}
tbody th{color:var(--ink);font-weight:400;max-width:22rem;white-space:normal;min-width:8rem}
tbody th.part{padding-left:1rem;color:var(--quiet)}
td.num{white-space:nowrap}td small{display:block;color:var(--quiet);font-size:.86em}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2rem 1.2rem;margin:.5rem 0;font-size:.9rem}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
pre{font:12px/1.45 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-x:auto;background:var(--sheet);padding:.7rem .9rem;margin:.4rem 0}
code{font:.92em ui-monospace,"SF Mono",Menlo,Consolas,monospace}
ul.plain{margin:.3rem 0 .8rem;padding-left:1.1rem;font-size:.9rem}
ul.plain li{margin:.15rem 0;max-width:75ch}
.tag{display:inline-block;font-size:.74rem;color:var(--quiet);border:1px solid var(--rule);border-radius:3px;padding:0 .35rem;margin-left:.4rem;vertical-align:.12rem;font-weight:400}
footer{border-top:1px solid var(--rule);padding-top:1rem;font-size:.82rem;color:var(--quiet)}
svg text{fill:var(--ink)}
svg .tick,svg .axis,svg .note{fill:var(--quiet)}
svg .note.strong{fill:var(--ink);font-weight:600}
svg .group{font-weight:600}
svg .grid{stroke:var(--grid);stroke-width:1}
svg .base{stroke:var(--rule)}
svg .reference{stroke:var(--quiet);stroke-width:1.2;stroke-dasharray:4 3}
svg .percentile{stroke:var(--rule);stroke-dasharray:2 3}
svg .mark{stroke:var(--ink);stroke-width:1.2}
svg .markband{fill:var(--ink);opacity:.08}
svg .curve{fill:none;stroke:currentColor;stroke-width:1.9;stroke-linejoin:round}
svg .rough{stroke-dasharray:5 3}
svg .band{fill:currentColor;opacity:.15}
svg .dot,svg .fill{fill:currentColor}
svg .extra{fill:currentColor;opacity:.38}
svg .whisker{stroke:var(--ink);stroke-width:1.2;fill:none}
svg .goal{stroke:var(--ink);stroke-width:2.2;fill:none}
svg .track{fill:var(--grid);opacity:.45}
svg .event{stroke:var(--ink);stroke-width:1;fill:none;opacity:.75}
${each(LIGHT.length, (at) => `.s${at}{color:var(--s${at})}`)}
${each(PARTS_LIGHT.length, (at) => `.p${at}{color:var(--p${at})}`)}
${['work', 'fault', 'wait', 'vmm', 'fetch', 'blocked'].map((name) => `.a-${name}{color:var(--${name});fill:var(--${name})}`).join('\n')}
.a-guest{color:var(--busy);fill:var(--busy)}
.a-ready{color:var(--turn);fill:var(--turn)}
@media (max-width:640px){
.frame{padding:0 16px 3rem}
h1{font-size:1.45rem}
svg.wide{display:none}svg.narrow{display:block}
nav.contents ol{columns:1}
.verdicts li{grid-template-columns:minmax(0,1fr)}
dl{grid-template-columns:minmax(0,1fr);gap:0}dd{margin-bottom:.35rem}
}
@media print{body{font-size:11px}details{display:none}section,figure{break-inside:avoid}}
`;
