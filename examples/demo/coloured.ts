/** Whether there is a terminal that shows colours, and NO_COLOR does not forbid them. */
export const COLOURED = process.stdout.isTTY ? process.stdout.hasColors() : false;
