//! All orders of a few things.

/// Calls `found` with the orders of so many until it says yes.
pub(crate) fn permuted(
    count: usize,
    order: &mut Vec<usize>,
    found: &mut dyn FnMut(&[usize]) -> bool,
) -> bool {
    if order.len() == count {
        return found(order);
    }
    (0..count).any(|next| {
        if order.contains(&next) {
            return false;
        }
        order.push(next);
        let is_found = permuted(count, order, found);
        order.pop();
        is_found
    })
}
