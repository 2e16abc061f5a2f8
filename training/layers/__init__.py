"""The course's layers, one public class a file, written with `keras.ops` alone.

Each is registered with Keras under the package `lutrin`, so that a saved model finds it again once
its module is imported; `custom_objects={"lutrin>Dense": Dense}` names it to a process that has not.
"""
