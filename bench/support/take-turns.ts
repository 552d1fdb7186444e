/**
 * What `turn` gave for each subject, one for each round. Each subject has its turn in every round, and another one begins each
 * time, so that whatever else the machine does falls on all of them.
 */
export async function takeTurns<Subject, Result>(
  subjects: readonly Subject[],
  rounds: number,
  turn: (subject: Subject) => Promise<Result>,
): Promise<Result[][]> {
  const results: Result[][] = subjects.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < subjects.length; place++) {
      const index = (place + round) % subjects.length;
      results[index]!.push(await turn(subjects[index]!));
    }
  }
  return results;
}
