/** The questions that reviewers of the proposals left open, one experiment each. */
export { EXPERIMENTS } from './catalogue.js';
export { EXPERIMENT_IDS, QUESTION_IDS, SCENARIO_IDS, type Experiment, type ExperimentContext, type QuestionId, type ScenarioId, type Stoppable } from './frame/experiment.js';
export { cellText, columnQuantity, columnTitle, renderExperiment, type RenderOptions } from './frame/render.js';
export { EXPERIMENT_REPORT_VERSION, type Cell, type DataTable, type ExperimentReport, type Finding, type Outcome, type PlotData, type PlotLine, type QuotedFigure, type Row, type TraceText } from './frame/report.js';
export { asSentence } from './frame/words.js';
export * from './repeats/index.js';
export { DEFAULT_BUDGET_MS, LEAST_BUDGET_MS, MOST_BUDGET_MS, listQuestions, runExperiment, type ExperimentObserver, type QuestionState, type RunOptions } from './frame/run.js';
