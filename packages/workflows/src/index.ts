export { DynamicWorkflow } from "./api/dynamic-workflow.ts"
export { type BindingParts, WorkflowBinding } from "./api/workflow-binding.ts"
export { type StepSelector, WorkflowIntrospector } from "./api/workflow-introspector.ts"
export { type Clock, SystemClock } from "./core/clock.ts"
export type { HookSignature } from "./define/hook-about.ts"
export type { WorkerProgram } from "./define/definition.ts"
export type { WorkflowOptions } from "./define/parse-workflow.ts"
export type { WorkflowClasses } from "./define/workflow-classes.ts"
export type { GivenStep } from "./define/parse-steps.ts"
export type { WorkflowOrigin } from "./engine/create-context.ts"
export { type Hook, type LackingCode, WorkflowEngine } from "./engine/engine.ts"
export type { EngineOptions } from "./engine/engine-options.ts"
export type { WorkflowGovernor } from "./engine/governor.ts"
export type { ScriptSteps } from "./run/script-steps.ts"
export type { Stamped } from "./run/settled.ts"
export type { StepContext, StepSandbox } from "./run/step-context.ts"
export type { CodeEnd, RunPlace, RunTrace, ScriptEvent, ScriptRun, StepRunner } from "./run/step-runner.ts"
export type {
  StepPlace,
  WorkflowStatus,
  WorkflowWait,
  DeletedBatch,
  ListOptions,
  WorkflowPage,
  InstanceStatus,
  Failure,
  HistoryEntry,
  StepRef,
} from "@mayfly/protocol"
