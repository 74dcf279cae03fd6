// The contexts that can be chosen: powers of two, up to what the model was trained for.
const SMALLEST = 512;
/** Where a repository does not say what its model was trained for. */
const USUAL = 131_072;

export function contextSteps(trained: number | null): number[] {
  const most = trained ?? USUAL;
  const steps: number[] = [];
  for (let step = SMALLEST; step < most; step *= 2) steps.push(step);
  return [...steps, most];
}

/** The index of the step that is nearest to `context` without being below it. */
export function stepFor(steps: readonly number[], context: number): number {
  const index = steps.findIndex((step) => step >= context);
  return index < 0 ? steps.length - 1 : index;
}
