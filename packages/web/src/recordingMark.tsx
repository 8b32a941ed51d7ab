/** That the call is recorded: seen by everybody for as long as it is, on every size of window. */
interface Props {
  /** Over the stage, for when nothing else is on the screen. */
  overStage?: boolean;
}

/** Read out by the announcer when it begins; here it is found by who looks for it. */
export const RecordingMark = ({ overStage = false }: Props) => (
  <span
    className={overStage ? 'recorded recorded-over' : 'recorded'}
    // Twice the same words would be read twice.
    aria-hidden={overStage || undefined}
    data-testid={overStage ? 'recorded-over' : 'recorded'}
    title="This call is recorded"
  >
    <span className="recorded-dot" aria-hidden="true" />
    <span className="recorded-long">This call is recorded</span>
    <span className="recorded-short" aria-hidden="true">
      Recorded
    </span>
  </span>
);
