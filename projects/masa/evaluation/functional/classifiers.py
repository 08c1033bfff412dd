import numpy as np
from threadpoolctl import threadpool_limits

from ...support.argument_checks import check_choice


# scikit-learn is imported where it is used, as training does not need it.
def _logistic():
    from sklearn.linear_model import LogisticRegression

    # As in CASA and CARL; no scaling of the features, no search for C.
    return LogisticRegression(max_iter=100000, solver='lbfgs')


def _svc():
    from sklearn.svm import SVC

    return SVC(decision_function_shape='ovo')


ESTIMATORS = {'logistic': _logistic, 'svc': _svc}


def fit_predict(
    estimator: str,
    train_inputs: np.ndarray,
    train_labels: np.ndarray,
    inputs: np.ndarray,
) -> np.ndarray:
    """Fit a classifier and predict with it.

    A class that the training data lack is never predicted. If they hold a
    single class, it is predicted.

    Args:
        estimator (str): 'logistic' (multinomial logistic regression, C = 1)
            or 'svc' (support vectors, RBF kernel, C = 1).
        train_inputs (np.ndarray): (N, D).
        train_labels (np.ndarray): (N,).
        inputs (np.ndarray): (M, D).

    Returns:
        np.ndarray: Predicted labels, (M,).

    Raises:
        ValueError: If there is no such estimator.
    """
    check_choice('estimator', estimator, sorted(ESTIMATORS))
    if (train_labels == train_labels[0]).all():
        return np.full(len(inputs), train_labels[0])
    if estimator == 'logistic' and len(train_inputs) < train_inputs.shape[1]:
        # Weights of the least norm are combinations of the training inputs.
        # In an orthonormal basis of these they are fewer, and fitted alike.
        basis, factor = np.linalg.qr(train_inputs.T.astype(np.float64))
        train_inputs = factor.T.astype(train_inputs.dtype)
        inputs = (inputs @ basis).astype(inputs.dtype)
    model = ESTIMATORS[estimator]()
    # A fit is a long series of small products. On a busy machine, threads
    # that wait for each other make it forty times as slow, and their number
    # would change the last digits.
    with threadpool_limits(limits=1, user_api='blas'):
        return model.fit(train_inputs, train_labels).predict(inputs)
