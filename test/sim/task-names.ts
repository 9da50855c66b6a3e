/** A name with "+" can be undone, one with "!" is the point of no return. */
export const canBeUndone = (name: string): boolean => name.includes('+');
export const isPointOfNoReturn = (name: string): boolean => name.includes('!');
