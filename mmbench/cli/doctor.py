"""x"""
class Doctor:
    """x"""
